import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';

const page = (text, link) => ({ text, link });
const sidebarOfApi = fileURLToPath(new URL('../pages/api/typedoc-sidebar.json', import.meta.url));

/** Entries of the package by the names under which programs import them. */
function apiSidebar() {
  if (!existsSync(sidebarOfApi)) return [];
  const entries = JSON.parse(readFileSync(sidebarOfApi, 'utf8'));
  const named = entries.map((entry) => ({
    ...entry,
    text: entry.text === 'index' ? 'incache' : `incache/${entry.text}`,
    link: entry.link?.replace(/^\/?pages/, ''),
  }));
  return named.sort((a, b) => a.text.localeCompare(b.text));
}

export default defineConfig({
  title: 'incache',
  description: 'Diffusion transformers with increment-calibrated caching, on Node.js and in browsers',
  srcDir: 'pages',
  outDir: 'dist',
  lastUpdated: false,
  // A dead link ends the build.
  ignoreDeadLinks: false,
  markdown: {
    // As GitHub makes anchors, so that links work in both places.
    anchor: {
      slugify: (heading) =>
        heading
          .toLowerCase()
          .replace(/[^\p{L}\p{N}\s_-]/gu, '')
          .trim()
          .replace(/\s/g, '-'),
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [page('Questions', '/docs/faq'), page('Models', '/docs/models'), page('API', '/api/')],
    sidebar: {
      '/api/': apiSidebar(),
      '/': [
        {
          text: 'Use it',
          items: [
            page('Start', '/'),
            page('Questions and answers', '/docs/faq'),
            page('Install', '/docs/install'),
            page('Models', '/docs/models'),
            page('In a browser', '/docs/browser'),
            page('As a server', '/docs/serve'),
            page('On many machines', '/docs/scale-out'),
            page('In C and other languages', '/docs/embedding'),
            page('On a GPU', '/docs/cuda'),
            page('Versions', '/docs/versions'),
            page('Changes', '/CHANGELOG'),
          ],
        },
        {
          text: 'Cache policies',
          items: [
            page('Choose one', '/docs/choosing'),
            page('All of them', '/docs/policies'),
            page('Experiments', '/docs/experiments'),
          ],
        },
        {
          text: 'What was measured',
          items: [
            page('Performance', '/docs/performance'),
            page('Reliability', '/docs/reliability'),
            page('Benchmarks', '/bench/'),
          ],
        },
        {
          text: 'The code',
          items: [
            page('A tour', '/docs/tour'),
            page('Architecture', '/docs/architecture'),
            page('Plans', '/docs/plans'),
            page('Contributing', '/CONTRIBUTING'),
            page('Security', '/SECURITY'),
          ],
        },
      ],
    },
    socialLinks: [{ icon: 'github', link: 'https://github.com/incache/incache' }],
  },
});
