/// The page's style and behaviour: in the binary, so that nothing is fetched from elsewhere.
enum StatusAssets {
    static let style = """
        :root { --ink: #1b1f24; --paper: #ffffff; --card: #f6f8fa; --faint: #57606a; --line: #d0d7de; --link: #0b5cad;
          --good: #12663a; --good-back: #dcf5e5; --busy: #7a4d00; --busy-back: #fff1cf; --bad: #a4161a;
          --bad-back: #ffe3e3; }
        @media (prefers-color-scheme: dark) {
          :root { --ink: #e6e9ed; --paper: #14171b; --card: #1c2127; --faint: #a3adb8; --line: #363f4a; --link: #7db8f5;
            --good: #7fdca6; --good-back: #163524; --busy: #f3c677; --busy-back: #3a2c10; --bad: #ffa3a5;
            --bad-back: #471a1c; }
        }
        * { box-sizing: border-box; }
        html { scroll-padding-top: 3.5rem; }
        body { margin: 0 auto; max-width: 76rem; padding: 0 1rem 3rem; font: 16px/1.5 system-ui, sans-serif;
          color: var(--ink); background: var(--paper); }
        header { display: flex; flex-wrap: wrap; gap: 0 1.5rem; align-items: center; position: sticky; top: 0;
          padding: .4rem 0; background: var(--paper); border-bottom: 1px solid var(--line); z-index: 1; }
        h1 { font-size: 1.25rem; margin: 0; }
        h2 { font-size: 1.15rem; margin: 2rem 0 .6rem; }
        h3 { font-size: 1.05rem; margin: 0; overflow-wrap: anywhere; }
        p { margin: .25rem 0; }
        a { color: var(--link); }
        nav { display: flex; flex-wrap: wrap; gap: 0 .25rem; }
        nav a { padding: .3rem .4rem; }
        #live { margin: 0 0 0 auto; padding: 0 .6rem; border-radius: 1rem; font-size: .875rem; color: var(--busy);
          background: var(--busy-back); }
        #live.live { color: var(--good); background: var(--good-back); }
        :focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
        .skip { position: absolute; left: -100rem; z-index: 2; }
        .skip:focus { left: 1rem; top: .5rem; background: var(--paper); padding: .25rem .5rem; }
        .time, time, .note { color: var(--faint); font-variant-numeric: tabular-nums; }
        .time, .note, time { font-size: .875rem; }
        .summary { display: flex; flex-wrap: wrap; gap: .5rem; list-style: none; margin: 1rem 0 .5rem; padding: 0; }
        .summary li { flex: 1 1 7.5rem; padding: .5rem .75rem; border: 1px solid var(--line); border-radius: .5rem;
          background: var(--card); color: var(--faint); font-size: .875rem; }
        .summary b { display: block; font-size: 1.5rem; line-height: 1.2; color: var(--ink);
          font-variant-numeric: tabular-nums; }
        .summary .bad, .summary .bad b { color: var(--bad); background: var(--bad-back); border-color: var(--bad); }
        .card { border: 1px solid var(--line); border-radius: .5rem; background: var(--card);
          padding: .75rem 1rem; margin: .75rem 0; }
        .empty { color: var(--faint); padding: .75rem 1rem; border: 1px dashed var(--line); border-radius: .5rem; }
        .holds { margin: .5rem 0; padding: .4rem .75rem .4rem 1.75rem; border-radius: .5rem; color: var(--busy);
          background: var(--busy-back); }
        .alarm { margin: .75rem 0; padding: .4rem .75rem; border-radius: .5rem; color: var(--bad);
          background: var(--bad-back); border: 1px solid var(--bad); overflow-wrap: anywhere; }
        .alarm ul { margin: 0; padding-left: 1rem; }
        .alarm a { color: inherit; }
        .holds time { color: inherit; font-size: inherit; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
        th, td { text-align: left; padding: .4rem 1rem .4rem 0; border-bottom: 1px solid var(--line);
          vertical-align: baseline; }
        td { white-space: nowrap; }
        td:last-child { white-space: normal; overflow-wrap: anywhere; min-width: 6rem; }
        td em { white-space: normal; overflow-wrap: anywhere; }
        tbody tr:last-child > * { border-bottom: 0; }
        tbody th { font-weight: 600; overflow-wrap: anywhere; min-width: 9rem; }
        thead th { color: var(--faint); font-weight: 500; font-size: .875rem; white-space: nowrap; }
        .state { display: inline-block; padding: 0 .5rem; border-radius: 1rem; font-size: .875rem; font-weight: 600;
          color: var(--busy); background: var(--busy-back); }
        .state.serving, .state.primary, .state.configured { color: var(--good); background: var(--good-back); }
        .state.failed { color: var(--bad); background: var(--bad-back); }
        .log { padding-left: 0; margin: .25rem 0; list-style: none; overflow-wrap: anywhere; }
        .log li { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: 0 .75rem; padding: .3rem 0;
          border-bottom: 1px solid var(--line); align-items: baseline; }
        .log li:last-child { border-bottom: 0; }
        .warning span { color: var(--busy); }
        .error span { color: var(--bad); }
        summary { cursor: pointer; overflow-wrap: anywhere; }
        code { font: .875em ui-monospace, monospace; overflow-wrap: anywhere; }
        @media (max-width: 40rem) {
          html { scroll-padding-top: 5.5rem; }
          .summary li { flex-basis: 40%; }
          header { gap: 0 .75rem; }
          nav { order: 2; flex-basis: 100%; justify-content: space-between; }
          nav a { padding: .35rem 0; font-size: .9375rem; }
          .log li { grid-template-columns: 1fr; }
          thead { position: absolute; left: -100rem; }
          table, tbody, tr, tbody th { display: block; }
          tbody tr { padding: .5rem 0; border-bottom: 1px solid var(--line); }
          tbody tr:last-child { border-bottom: 0; padding-bottom: 0; }
          tbody tr > th, tbody tr > td { border: 0; padding: .1rem 0; }
          tbody td { display: grid; grid-template-columns: 6rem 1fr; white-space: normal; overflow-wrap: anywhere; }
          tbody td::before { content: attr(data-label); color: var(--faint); font-size: .875rem; }
          td .state { justify-self: start; }
        }
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

          let last = main.dataset.last;
          function follow() {
            const source = new EventSource('/v1/events?after=' + last);
            source.onopen = () => { live.textContent = 'live'; live.className = 'live'; soon(); };
            source.onerror = () => {
              live.textContent = 'reconnecting';
              live.className = '';
              // A browser gives up for good on an answer that is no stream, as one of a proxy while we start.
              if (source.readyState === EventSource.CLOSED) setTimeout(follow, 3000);
            };
            for (const kind of main.dataset.kinds.split(' ')) {
              source.addEventListener(kind, (event) => { last = event.lastEventId || last; soon(); });
            }
          }

          follow();
          setInterval(soon, 30000);
        })();

        """
}
