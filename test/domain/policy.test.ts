import fc from 'fast-check';
import { expect, test } from 'vitest';
import { accessAll, compilePolicy, mergePolicies, type Policy, SYSTEM_POLICIES } from '../../src/domain/policy.ts';
import { isPolicy, policyIssues, validatePolicy } from '../../src/domain/policy_schema.ts';
import { vectors } from '../support/clients/vectors.ts';

const mayEntity = (policy: Policy, entity_id: string, key: string, more = {}) =>
  compilePolicy(policy)('entities', { entity_id, ...more }, key);

// M8
for (const { id, given, request, expect: want } of vectors('permission-check')) {
  test(`${id}: ${JSON.stringify(given.policy)} ${want.allowed ? 'allows' : 'denies'} ${request.key} on ${request.entity}`, () => {
    const device_id = given.devices[request.entity];
    const area_id = device_id && given.areas[device_id];
    expect(mayEntity(given.policy, request.entity, request.key, { device_id, area_id })).toBe(want.allowed);
  });
}

for (const { id, given, request, expect: want } of vectors('permission-all')) {
  test(`${id}: ${JSON.stringify(given.policy)} ${want.allowed ? 'gives' : 'does not give'} access to all`, () => {
    expect(accessAll(given.policy, 'entities', request.access_all)).toBe(want.allowed);
  });
}

for (const { id, given, request, expect: want } of vectors('permission-merge')) {
  test(`${id}: ${JSON.stringify(given)} merges as Home Assistant does`, () => {
    const policy = mergePolicies(given.policies ?? [SYSTEM_POLICIES[given.group]]);
    if (request.merge) expect(policy).toEqual(want.policy);
    else if (request.keys) expect(request.keys.map((key: string) => mayEntity(policy, request.entity, key))).toEqual(want.allowed);
    else expect(mayEntity(policy, request.entity, request.key)).toBe(want.allowed);
  });
}

for (const { id, request, expect: want } of vectors('permission-schema')) {
  test(`${id}: ${JSON.stringify(request.policy)} is ${want.valid ? '' : 'not '}valid`, () => {
    expect(isPolicy(request.policy)).toBe(want.valid);
  });
}

test('domains: true allows every entity, but not "all entities"', () => {
  expect(mayEntity({ entities: { domains: true } }, 'light.kitchen', 'edit')).toBe(true);
  expect(accessAll({ entities: { domains: true } }, 'entities', 'read')).toBe(false);
});

test('the domain is the text before the first dot unless it is given', () => {
  const policy = { entities: { domains: { light: true } } } as const;
  expect(mayEntity(policy, 'light.a.b', 'read')).toBe(true);
  expect(mayEntity(policy, 'switch.a', 'read', { domain: 'light' })).toBe(true);
});

test('a false that slipped in never allows', () => {
  const policy = { entities: { all: false, domains: { light: false } } } as unknown as Policy;
  expect(mayEntity(policy, 'light.kitchen', 'read')).toBe(false);
  expect(mayEntity({ entities: false } as unknown as Policy, 'light.kitchen', 'read')).toBe(false);
});

test('any category works by the members of the object and all', () => {
  const check = compilePolicy({ doors: { door: { front: { open: true } }, floor: { one: true }, all: { see: true } }, printing: true });
  expect(check('doors', { door: 'front' }, 'open')).toBe(true);
  expect(check('doors', { door: 'back' }, 'open')).toBe(false);
  expect(check('doors', { door: 'back', floor: 'one' }, 'open')).toBe(true);
  expect(check('doors', {}, 'see')).toBe(true);
  expect(check('printing', {}, 'anything')).toBe(true);
  expect(check('unknown', {}, 'see')).toBe(false);
});

test('a key with rules below it is no permission', () => {
  expect(compilePolicy({ doors: { door: { front: { open: { weekdays: true } } } } })('doors', { door: 'front' }, 'open')).toBe(false);
});

test('names of the language itself are only names', () => {
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    const policy = JSON.parse(
      `{"entities": {"entity_ids": {"a.b": {"read": true}}}, "x": {"${name}": {"${name}": {"read": true}}}}`,
    ) as Policy;
    expect(compilePolicy({ entities: { entity_ids: {} } })('entities', { entity_id: name }, name)).toBe(false);
    expect(compilePolicy(policy)(name, { entity_id: name }, 'read')).toBe(false);
    expect(compilePolicy(policy)('x', {}, 'read')).toBe(false);
    expect(compilePolicy(policy)('x', JSON.parse(`{"${name}": "${name}"}`), 'read')).toBe(true);
    expect(JSON.stringify(mergePolicies([policy, policy]))).toBe(JSON.stringify(policy));
  }
});

const rules = fc.letrec<{ value: Policy[string] }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant<true>(true),
    fc.constant(null),
    fc.dictionary(fc.constantFrom('all', 'domains', 'light', 'read'), tie('value')),
  ),
})).value;
const policies = fc.array(fc.dictionary(fc.constantFrom('entities', 'doors', 'all'), rules), { maxLength: 3 });

test('the order of groups does not matter, and merging again changes nothing', () => {
  fc.assert(
    fc.property(policies, (list) => {
      const merged = mergePolicies(list);
      expect(mergePolicies([...list].reverse())).toEqual(merged);
      expect(mergePolicies([merged, ...list, merged])).toEqual(merged);
    }),
  );
});

test('a merged policy allows what any of its parts allows', () => {
  fc.assert(
    fc.property(policies, fc.constantFrom('entities', 'doors'), fc.constantFrom('read', 'light'), (list, category, key) => {
      const object = { entity_id: 'light.read', domains: 'light' };
      const merged = compilePolicy(mergePolicies(list));
      if (list.some((policy) => compilePolicy(policy)(category, object, key))) expect(merged(category, object, key)).toBe(true);
    }),
  );
});

test('what is wrong in a policy is said with its place', () => {
  const table: [unknown, string[]][] = [
    [{}, []],
    [{ entities: { all: { read: true }, domains: { light: true }, entity_ids: true } }, []],
    [{ doors: { front: { open: true } }, lamps: true, none: {} }, []],
    [null, ['policy: must be an object of categories']],
    [[], ['policy: must be an object of categories']],
    [{ entities: false }, ['policy.entities: must be true or an object; leave it out to deny']],
    [{ entities: { rooms: true } }, ['policy.entities.rooms: is unknown; known are entity_ids, device_ids, area_ids, domains, all']],
    [
      { entities: { domains: { light: { write: true } } } },
      ['policy.entities.domains.light.write: is unknown; known are read, control, edit'],
    ],
    [{ entities: { all: { read: false } } }, ['policy.entities.all.read: must be true, or left out']],
    [
      { doors: { front: null }, lamps: 'yes' },
      [
        'policy.doors.front: must be true or an object; leave it out to deny',
        'policy.lamps: must be true or an object; leave it out to deny',
      ],
    ],
  ];
  for (const [policy, complaints] of table) expect(validatePolicy(policy)).toEqual(complaints);
  expect(policyIssues({ 'a.b': { c: 1 } })).toEqual([{ path: ['a.b', 'c'], message: 'must be true or an object; leave it out to deny' }]);
});

test('a policy is bounded in depth and size, also when it repeats itself', () => {
  const nested = (depth: number): unknown => (depth === 0 ? true : { a: nested(depth - 1) });
  expect(isPolicy(nested(9))).toBe(true);
  expect(isPolicy(nested(10))).toBe(false);
  expect(isPolicy({ doors: Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`door${index}`, true])) })).toBe(false);
  let bomb: unknown = true;
  for (let level = 0; level < 8; level += 1) bomb = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [index, bomb]));
  expect(isPolicy(bomb)).toBe(false);
});
