import { createHash } from 'node:crypto';
import { html, raw } from 'hono/html';
import type { apiDocument } from './document';

type Document = ReturnType<typeof apiDocument>;

/** The parts of an operation that the page shows. */
interface OperationText {
  readonly summary?: string;
  readonly description?: string;
  readonly requestBody?: { readonly content?: Content };
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly description?: string;
  }[];
  readonly responses?: Readonly<
    Record<string, { readonly description?: string; readonly content?: Content }>
  >;
}

type Content = Readonly<Record<string, { readonly schema?: { readonly $ref?: string } }>>;

const style = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
pre { background: #f5f6f8; padding: 1rem; overflow: auto; }
section { border-top: 1px solid #d0d7de; padding: .5rem 0; }
h2 code { color: #0550ae; } h3 { margin: 1rem 0 .25rem; } ul { margin: .25rem 0; }
@media (prefers-color-scheme: dark) {
  body { background: #0d1117; color: #e6edf3; } pre { background: #161b22; } h2 code { color: #79c0ff; }
  a { color: #79c0ff; }
}`;

/** The page loads nothing and runs nothing. */
export const pagePolicy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`;

/** The OpenAPI document as a page. Every text is escaped. */
export function documentPage(document: Document) {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods as Readonly<Record<string, OperationText>>).map(([method, operation]) => ({
      path,
      method: method.toUpperCase(),
      operation,
    })),
  );
  const schemas = Object.entries(document.components?.schemas ?? {});
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>${document.info.title}</title>
        ${raw(`<style>${style}</style>`)}
      </head>
      <body>
        <h1>${document.info.title}</h1>
        <p>${document.info.description ?? ''} <a href="openapi.json">openapi.json</a></p>
        <ul>
          ${operations.map(
            ({ path, method, operation }) =>
              html`<li>
                <a href="#${anchor(method, path)}">${method} ${path}</a>: ${operation.summary ?? ''}
              </li>`,
          )}
        </ul>
        ${operations.map(
          ({ path, method, operation }) => html`
            <section id="${anchor(method, path)}">
              <h2><code>${method} ${path}</code></h2>
              <p>${operation.summary ?? ''}. ${operation.description ?? ''}</p>
              ${parameters(operation)} ${contentOf('Body', operation.requestBody?.content)}
              <h3>Answers</h3>
              <ul>
                ${Object.entries(operation.responses ?? {}).map(
                  ([status, { description, content }]) =>
                    html`<li>${status}: ${description ?? ''} ${linkOf(content)}</li>`,
                )}
              </ul>
            </section>
          `,
        )}
        ${schemas.map(
          ([name, schema]) => html`
            <section id="${name}">
              <h2>${name}</h2>
              <pre>${JSON.stringify(schema, undefined, 2)}</pre>
            </section>
          `,
        )}
      </body>
    </html>`;
}

function anchor(method: string, path: string): string {
  return `${method}${path}`.replaceAll(/[^A-Za-z]+/g, '-');
}

function parameters({ parameters: all = [] }: OperationText) {
  if (all.length === 0) return '';
  return html`<h3>Parameters</h3>
    <ul>
      ${all.map((one) => html`<li><code>${one.name}</code> (${one.in}): ${one.description ?? ''}</li>`)}
    </ul>`;
}

function contentOf(title: string, content: Content | undefined) {
  return content === undefined
    ? ''
    : html`<h3>${title}</h3>
        <p>${linkOf(content)}</p>`;
}

function linkOf(content: Content | undefined) {
  const ref = Object.values(content ?? {})[0]
    ?.schema?.$ref?.split('/')
    .at(-1);
  return ref === undefined ? '' : html`<a href="#${ref}">${ref}</a>`;
}
