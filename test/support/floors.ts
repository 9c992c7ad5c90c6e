// The floors of the house, and what breaks them. Kept apart from the test so that a planted fault can be shown to be found.

/** Folder (or file below src/) -> the folders it may import besides itself. */
const FLOORS: Record<string, readonly string[]> = {
  domain: [],
  config: ['domain'],
  repository: ['domain'],
  providers: ['domain'],
  mfa_modules: ['domain'],
  tokens: ['domain', 'repository'],
  oauth: ['domain', 'repository', 'tokens'],
  grants: ['domain', 'repository', 'tokens'],
  accounts: ['domain', 'repository', 'tokens'],
  login: ['domain', 'repository', 'tokens', 'oauth', 'accounts'],
  http: ['domain', 'config', 'repository', 'providers', 'mfa_modules', 'tokens', 'oauth', 'grants', 'accounts', 'login'],
  cli: ['domain', 'config', 'repository', 'providers', 'mfa_modules', 'tokens', 'oauth', 'grants', 'accounts', 'login'],
};

/** Folders in which no file imports another one: each file is a plug-in. */
const PLUG_IN_FOLDERS = ['providers', 'mfa_modules', 'grants'];

const MAX_LINES = 300;

/** A source file by its path below src/, with its text. */
export type Source = { path: string; text: string };

function importsOf({ path, text }: Source): string[] {
  const found: string[] = [];
  for (const [, specifier = ''] of text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
    found.push(new URL(specifier, `file:///${path}`).pathname.slice(1));
  }
  return found;
}

function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : path;
}

/** Imports that go up or sideways. main.ts, app.ts and registry.ts are the roof and may import everything. */
export function forbiddenImports(sources: readonly Source[]): string[] {
  const faults: string[] = [];
  for (const source of sources) {
    const from = folderOf(source.path);
    if (!source.path.includes('/')) continue;
    const allowed = FLOORS[from];
    if (allowed === undefined) {
      faults.push(`${source.path} stands on no floor`);
      continue;
    }
    for (const target of importsOf(source)) {
      const to = folderOf(target);
      if (to === from ? PLUG_IN_FOLDERS.includes(from) : !allowed.includes(to)) faults.push(`${source.path} imports ${target}`);
    }
  }
  return faults;
}

/** The first import cycle found, as the paths along it; empty where there is none. */
export function importCycle(sources: readonly Source[]): string[] {
  const imports = new Map(sources.map((source) => [source.path, importsOf(source)]));
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

export function longFiles(sources: readonly Source[]): string[] {
  return sources.filter(({ text }) => text.split('\n').length - 1 > MAX_LINES).map(({ path }) => path);
}
