/// The page's style and behaviour: in the binary, so that nothing is fetched from elsewhere.
enum StatusAssets {
    static let style = """
        :root { --ink: #1b1f24; --paper: #ffffff; --faint: #5b6470; --line: #d4d9df; --link: #0b5cad;
          --good: #12663a; --busy: #7a4d00; --bad: #a4161a; }
        @media (prefers-color-scheme: dark) {
          :root { --ink: #e6e9ed; --paper: #14171b; --faint: #9aa4b0; --line: #323a44; --link: #7db8f5;
            --good: #6fd39b; --busy: #f0bf6a; --bad: #ff9a9c; }
        }
        * { box-sizing: border-box; }
        body { margin: 0 auto; max-width: 72rem; padding: 0 1rem 2rem; font: 16px/1.5 system-ui, sans-serif;
          color: var(--ink); background: var(--paper); }
        header { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; align-items: baseline;
          border-bottom: 1px solid var(--line); }
        h1 { font-size: 1.4rem; margin: .75rem 0; }
        h2 { font-size: 1.15rem; margin: 1.75rem 0 .5rem; }
        h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
        p { margin: .25rem 0; }
        a { color: var(--link); }
        nav a { margin-right: .75rem; }
        :focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
        .skip { position: absolute; left: -100rem; }
        .skip:focus { left: 1rem; top: .5rem; background: var(--paper); padding: .25rem .5rem; }
        .time, time, #live { color: var(--faint); font-variant-numeric: tabular-nums; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; }
        th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line);
          vertical-align: top; white-space: nowrap; }
        thead th { color: var(--faint); font-weight: 500; }
        .state { font-weight: 600; color: var(--busy); }
        .state.serving, .state.primary, .state.configured { color: var(--good); }
        .state.failed { color: var(--bad); }
        .log { padding-left: 0; list-style: none; overflow-wrap: anywhere; }
        .log li { padding: .15rem 0; }
        .warning { color: var(--busy); }
        .error { color: var(--bad); }
        summary { cursor: pointer; overflow-wrap: anywhere; }
        @media (prefers-reduced-motion: no-preference) { .changed { animation: changed 1.5s ease-out; } }
        @keyframes changed { from { background: color-mix(in srgb, var(--link) 25%, transparent); } }

        """

    static let script = """
        'use strict';
        (() => {
          const main = document.getElementById('main');
          const live = document.getElementById('live');
          let isBusy = false;
          let isStale = false;
          let timer = 0;

          async function refresh() {
            timer = 0;
            if (isBusy) { isStale = true; return; }
            isBusy = true;
            try {
              const answer = await fetch('/ui/content', { cache: 'no-store' });
              if (answer.ok) show(await answer.text());
            } catch { /* the stream tells when the connection is back */ }
            isBusy = false;
            if (isStale) { isStale = false; soon(); }
          }

          function show(text) {
            const closed = [...main.querySelectorAll('details:not([open])')].map((element) => element.id);
            const focused = document.activeElement && main.contains(document.activeElement)
              ? [...main.querySelectorAll('[tabindex],summary,a')].indexOf(document.activeElement) : -1;
            const scrolled = [...main.querySelectorAll('.scroll')].map((element) => element.scrollLeft);
            main.innerHTML = text;
            for (const id of closed) document.getElementById(id)?.removeAttribute('open');
            [...main.querySelectorAll('.scroll')].forEach((element, index) => {
              element.scrollLeft = scrolled[index] ?? 0;
            });
            if (focused >= 0) [...main.querySelectorAll('[tabindex],summary,a')][focused]?.focus();
            main.querySelector('.time')?.classList.add('changed');
          }

          function soon() {
            if (!timer) timer = setTimeout(refresh, 250);
          }

          const source = new EventSource('/v1/events?after=' + main.dataset.last);
          source.onopen = () => { live.textContent = 'live'; soon(); };
          source.onerror = () => { live.textContent = 'reconnecting'; };
          for (const kind of main.dataset.kinds.split(' ')) source.addEventListener(kind, soon);
          setInterval(soon, 30000);
        })();

        """
}
