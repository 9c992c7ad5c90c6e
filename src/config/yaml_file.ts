// Parses YAML into plain data with positions. The file can neither run code nor grow without bound.

import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, type YAMLError } from 'yaml';
import type { ConfigPath } from './issues.ts';
import { readTextFile } from './text_file.ts';

/** A position in the file, from 1. */
export interface SourcePosition {
  line: number;
  col: number;
}

/**
 * A parsed file. `flaws` are YAML errors; if `readable` is false there is nothing else to validate.
 */
export interface YamlFile {
  value: unknown;
  readable: boolean;
  flaws: { position: SourcePosition | undefined; message: string }[];
  /** The position of a path, or of its nearest existing parent. */
  positionOf(path: ConfigPath): SourcePosition;
}

const LARGEST_FILE = 1024 * 1024;
const START: SourcePosition = { line: 1, col: 1 };

/** Used in place of a missing file. */
export const EMPTY_FILE: YamlFile = { value: {}, readable: true, flaws: [], positionOf: () => START };

export async function readYamlFile(file: string): Promise<YamlFile> {
  const read = await readTextFile(file, LARGEST_FILE);
  return 'complaint' in read ? unreadable(read.complaint) : readYaml(read.text);
}

function readYaml(text: string): YamlFile {
  const lines = new LineCounter();
  // Core tags only, one document, unique keys.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, resolveKnownTags: false });
  const flaws = [...document.errors, ...document.warnings].map((flaw) => ({
    position: lines.linePos(flaw.pos[0]),
    message: flawText(flaw, text),
  }));
  const positionOf = (path: ConfigPath): SourcePosition => {
    const offset = offsetOf(document, path);
    return offset === undefined ? START : lines.linePos(offset);
  };
  const readable = document.errors.every(({ code }) => code === 'DUPLICATE_KEY');
  if (!readable) return { value: undefined, readable, flaws, positionOf };
  try {
    return { value: document.toJS({ maxAliasCount: 100 }), readable, flaws, positionOf };
  } catch {
    return unreadable('it has aliases (*name) without an anchor (&name), or far too many of them');
  }
}

function unreadable(message: string): YamlFile {
  return { value: undefined, readable: false, flaws: [{ position: undefined, message }], positionOf: () => START };
}

/** Never quotes values, which may be secrets. */
function flawText({ code, message, pos }: YAMLError, text: string): string {
  if (code === 'DUPLICATE_KEY') return `"${/^[\w-]*/.exec(text.slice(pos[0], pos[0] + 80))?.[0]}" is there twice in one block`;
  if (code === 'TAG_RESOLVE_FAILED') return 'tags are not allowed; put a text that begins with ! in quotes';
  if (code === 'MULTIPLE_DOCS') return 'must be one document, without a second --- line';
  if (code === 'TAB_AS_INDENT') return 'tabs cannot indent; use spaces';
  return message.replace(/:? .*["'`].*$/s, '') || 'is not valid YAML';
}

function offsetOf(document: Document.Parsed, path: ConfigPath): number | undefined {
  let node: unknown = document.contents;
  let offset = isNode(node) ? node.range?.[0] : undefined;
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.findLast(({ key: name }) => isScalar(name) && String(name.value) === String(key));
      if (!pair) break;
      offset = isNode(pair.key) ? pair.key.range?.[0] : offset;
      node = pair.value;
    } else if (isSeq(node) && typeof key === 'number') {
      node = node.items[key];
      offset = (isNode(node) ? node.range?.[0] : undefined) ?? offset;
    } else break;
  }
  return offset;
}
