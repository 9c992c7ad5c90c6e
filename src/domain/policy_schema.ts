// The schema of policies: Home Assistant's for `entities`, nested objects of `true` for other
// categories.
import type { Policy } from './policy.ts';

/** An issue in a policy: path and message. */
export interface PolicyIssue {
  path: string[];
  message: string;
}

const MAX_DEPTH = 8;
const MAX_SIZE = 64 * 1024;
const SUBCATEGORIES = ['entity_ids', 'device_ids', 'area_ids', 'domains', 'all'];
const KEYS = ['read', 'control', 'edit'];

/**
 * The issues of a policy as lines such as `entities.domains.light: must be …`; empty for a valid
 * `Policy`.
 */
export function validatePolicy(value: unknown, path = 'policy'): string[] {
  return policyIssues(value).map((complaint) => `${[path, ...complaint.path].join('.')}: ${complaint.message}`);
}

/** Whether the value is a valid policy. */
export function isPolicy(value: unknown): value is Policy {
  return policyIssues(value).length === 0;
}

/** All issues of a policy. Limits: 8 levels and 64 kB of JSON. */
export function policyIssues(value: unknown): PolicyIssue[] {
  if (!isObject(value)) return [{ path: [], message: 'must be an object of categories' }];
  if (exceedsSize(value)) return [{ path: [], message: `must not be larger than ${MAX_SIZE} bytes or deeper than ${MAX_DEPTH} levels` }];
  return Object.entries(value).flatMap(([category, rules]) =>
    category === 'entities' ? entitiesComplaints(rules) : genericComplaints([category], rules),
  );
}

function entitiesComplaints(value: unknown): PolicyIssue[] {
  return objectComplaints(['entities'], value, (name, rules) => {
    const path = ['entities', name];
    if (name === 'all') return keysComplaints(path, rules);
    if (SUBCATEGORIES.includes(name)) return objectComplaints(path, rules, (id, keys) => keysComplaints([...path, id], keys));
    return [{ path, message: `is unknown; known are ${SUBCATEGORIES.join(', ')}` }];
  });
}

function keysComplaints(path: string[], value: unknown): PolicyIssue[] {
  return objectComplaints(path, value, (key, allowed) => {
    if (!KEYS.includes(key)) return [{ path: [...path, key], message: `is unknown; known are ${KEYS.join(', ')}` }];
    return allowed === true ? [] : [{ path: [...path, key], message: 'must be true, or left out' }];
  });
}

function genericComplaints(path: string[], value: unknown): PolicyIssue[] {
  return objectComplaints(path, value, (name, below) => genericComplaints([...path, name], below));
}

function objectComplaints(path: string[], value: unknown, each: (name: string, value: unknown) => PolicyIssue[]): PolicyIssue[] {
  if (value === true) return [];
  if (!isObject(value)) return [{ path, message: 'must be true or an object; leave it out to deny' }];
  return Object.entries(value).flatMap(([name, below]) => each(name, below));
}

/** Stops at the limit, so that a value with many shared parts costs little. */
function exceedsSize(value: unknown): boolean {
  let size = 0;
  const fits = (node: unknown, depth: number): boolean => {
    if (!isObject(node)) return true;
    if (depth > MAX_DEPTH) return false;
    return Object.entries(node).every(([name, below]) => {
      size += Buffer.byteLength(name) + '"":true,'.length;
      return size <= MAX_SIZE && fits(below, depth + 1);
    });
  };
  return !fits(value, 0);
}

function isObject(value: unknown): value is { [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
