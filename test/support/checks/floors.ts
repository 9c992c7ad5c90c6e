// The layers of src/ and the rules between them. Separate from the test so that planted violations
// can be checked.

/** Folder below src/ -> the folders it may import. `http` is split into its own rooms. */
const FLOORS: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  config: ['domain'],
  postgres: ['domain'],
  secrets: ['domain'],
  outbound: ['domain'],
  recipes: ['domain'],
  providers: ['domain'],
  mfa_modules: ['domain'],
  repository: ['domain', 'postgres', 'secrets'],
  tokens: ['domain', 'secrets', 'repository'],
  grants: ['domain', 'repository', 'tokens'],
  oauth: ['domain', 'outbound', 'postgres', 'repository', 'tokens'],
  accounts: ['domain', 'postgres', 'secrets', 'recipes', 'repository', 'tokens'],
  forward_auth: ['domain', 'repository', 'tokens'],
  login: ['domain', 'postgres', 'secrets', 'repository', 'tokens', 'oauth', 'accounts'],
  'http/server': ['domain', 'outbound', 'tokens', 'oauth', 'accounts', 'login'],
  'http/api': ['domain', 'recipes', 'tokens', 'oauth', 'accounts', 'login', 'http/server'],
  'http/routes': ['domain', 'tokens', 'oauth', 'accounts', 'forward_auth', 'login', 'http/server'],
  'http/pages': ['domain', 'repository', 'tokens', 'oauth', 'accounts', 'forward_auth', 'login', 'http/server'],
  cli: ['domain', 'config', 'recipes', 'repository', 'tokens', 'accounts', 'login'],
};

/** The composition root: it may import everything. */
const ROOF = ['wiring', 'main.ts'];

/**
 * Folders whose entries are plug-ins: a file, or a folder with an index.ts. Entries never import
 * each other.
 */
const PLUG_IN_FOLDERS = ['providers', 'mfa_modules', 'grants'];

/**
 * npm package -> the only folders that may import it. A package without a line here may not be
 * imported.
 */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  zod: ['domain', 'config', 'recipes', 'oauth', 'providers', 'mfa_modules', 'http/server', 'http/api', 'http/routes', 'cli'],
  pg: ['postgres'],
  kysely: ['postgres', 'repository'],
  yaml: ['config', 'recipes'],
  argon2: ['secrets'],
  '@node-rs/bcrypt': ['secrets'],
  jose: ['oauth', 'tokens'],
  undici: ['outbound'],
  'lru-cache': ['outbound', 'tokens', 'oauth'],
  htmlparser2: ['domain/client_page.ts'],
  ldapts: ['providers/ldap'],
  'openid-client': ['providers/oidc'],
  otpauth: ['mfa_modules'],
  nodemailer: ['outbound/mailer.ts'],
  '@simplewebauthn/server': ['mfa_modules'],
  uqr: ['mfa_modules', 'http/pages'],
  '@fastify/formbody': ['http/server/body.ts'],
  '@fastify/cookie': ['http/server'],
  '@fastify/websocket': ['http/routes/websocket'],
  fastify: ['http/server', 'http/api', 'http/routes', 'http/pages', 'wiring'],
  pino: ['http/server', 'main.ts'],
  'pino-pretty': ['http/server/pretty_log.ts'],
  'prom-client': ['http/server'],
  preact: ['http/pages'],
  'preact-render-to-string': ['http/pages'],
  commander: ['cli'],
  '@clack/prompts': ['cli'],
};

/** A source file by its path below src/, with its text. */
export type Source = { path: string; text: string };

/**
 * What a file imports: paths below src/ for our own files, names for packages. Node's own modules
 * are left out.
 */
function importsOf({ path, text }: Source): { files: string[]; packages: string[] } {
  const files: string[] = [];
  const packages: string[] = [];
  const clauses = text.matchAll(/^(?:import|export)\s(?:[^'";]*?\sfrom\s)?'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm);
  for (const [, statically, dynamically] of clauses) {
    const specifier = statically ?? dynamically ?? '';
    if (specifier.startsWith('.')) files.push(new URL(specifier, `file:///${path}`).pathname.slice(1));
    else if (!specifier.startsWith('node:')) packages.push(packageOf(specifier));
  }
  return { files, packages };
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/**
 * `http/routes/forward_auth/verify.ts` is in `http/routes`, `login/finish.ts` in `login`, `main.ts`
 * in itself.
 */
function roomOf(path: string): string {
  const folders = path.split('/').slice(0, -1);
  return folders.length === 0 ? path : folders.slice(0, folders[0] === 'http' ? 2 : 1).join('/');
}

/** `providers/ldap/entry.ts` and `providers/ldap/index.ts` belong to one plug-in. */
function plugInOf(path: string): string {
  return path.split('/').slice(0, 2).join('/').replace(/\.ts$/, '');
}

/** Imports that go up, sideways, or between plug-ins. */
export function forbiddenImports(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const room = roomOf(source.path);
    if (ROOF.includes(room)) return [];
    const allowed = FLOORS[room];
    if (allowed === undefined) return [`${source.path} is in no known folder`];
    const isForbidden = (target: string) => {
      const to = roomOf(target);
      if (to !== room) return !allowed.includes(to);
      return PLUG_IN_FOLDERS.includes(room) && plugInOf(target) !== plugInOf(source.path);
    };
    return importsOf(source)
      .files.filter(isForbidden)
      .map((target) => `${source.path} imports ${target}`);
  });
}

/** Packages imported outside the folders that may use them. */
export function forbiddenPackages(sources: readonly Source[]): string[] {
  return sources.flatMap((source) =>
    importsOf(source)
      .packages.filter((name) => !(PACKAGES[name] ?? []).some((place) => isWithin(source.path, place)))
      .map((name) => `${source.path} imports ${name}`),
  );
}

function isWithin(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}/`);
}

/** The first import cycle found, as the paths along it; empty where there is none. */
export function importCycle(sources: readonly Source[]): string[] {
  const imports = new Map(sources.map((source) => [source.path, importsOf(source).files]));
  const done = new Set<string>();
  const visit = (path: string, trail: string[]): string[] => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return [];
    for (const target of imports.get(path) ?? []) {
      const cycle = visit(target, [...trail, path]);
      if (cycle.length > 0) return cycle;
    }
    done.add(path);
    return [];
  };
  for (const path of imports.keys()) {
    const cycle = visit(path, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}

/** Objects spread into the dependencies of a service, which hide who uses what. */
export function spreadDependencies(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => roomOf(path) === 'wiring')
    .flatMap(({ path, text }) => Array.from(text.matchAll(/\{(?:[^{}[\]]*,)?\s*\.\.\.[\w.]+/g), ([found]) => `${path}: ${found}`));
}

/**
 * Files that may compare an error's text, since it has no code: of a broken connection, of a bad
 * signature, and of the system's limit of open files.
 */
const MAY_READ_TEXTS: readonly string[] = ['postgres/database_errors.ts', 'providers/oidc/outcome.ts', 'cli/exit.ts'];
const TEXT = String.raw`(?:\bmessage|\.description)\b`;
const COMPARISON = new RegExp(
  String.raw`${TEXT}\s*(?:[!=]==(?!\s*(?:''|undefined|null))|\??\.(?:includes|startsWith|endsWith|match|search)\()|[!=]==\s*[\w.]*${TEXT}|\.(?:test|exec)\([\w.]*${TEXT}`,
  'g',
);

/** Decisions by an error's text instead of its code and reason. */
export function comparedTexts(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => !MAY_READ_TEXTS.includes(path))
    .flatMap(({ path, text }) => Array.from(text.matchAll(COMPARISON), ([found]) => `${path}: ${found}`));
}
