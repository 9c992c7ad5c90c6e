import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { complaints, load, newFolder, write } from './support.ts';

const LDAP = 'type: ldap, url: "ldaps://a"';

describe('auth_providers', () => {
  test('a block holds the common keys and those of its type', async () => {
    const folder = newFolder();
    write(folder, 'password', 'secret\n');
    const config = await load(
      [
        'auth_providers:',
        '  - type: local',
        `  - { ${LDAP}, id: office, name: Office, new_users: activate, default_groups: [family], groups: { Kin: [family], Boss: [system-admin] }, sync_groups: true, require_mfa: true, bind_password_file: password, ca_file: ca.pem }`,
        'groups: [{ id: family, name: Family, policy: { entities: true } }]',
      ].join('\n'),
      {},
      folder,
    );
    expect(config.auth_providers).toEqual([
      {
        type: 'homeassistant',
        new_users: 'approve',
        default_groups: ['system-users'],
        groups: {},
        sync_groups: false,
        require_mfa: false,
        min_password_length: 8,
      },
      {
        type: 'ldap',
        id: 'office',
        name: 'Office',
        new_users: 'activate',
        default_groups: ['family'],
        groups: { Kin: ['family'], Boss: ['system-admin'] },
        sync_groups: true,
        require_mfa: true,
        url: 'ldaps://a',
        bind_password: 'secret',
        ca_file: join(folder, 'ca.pem'),
      },
    ]);
  });

  // One block each; the complaint follows `config.yaml:2:COLUMN auth_providers[0]`.
  for (const [block, complaint] of [
    ['{}', '.type: is required; known are homeassistant, ldap'],
    ['homeassistant', ': must be a block of settings with a type'],
    ['{ type: ldpa }', '.type: unknown type; known are homeassistant, ldap; did you mean "ldap"?'],
    ['{ type: constructor }', '.type: unknown type; known are homeassistant, ldap'],
    ['{ type: insecure_example }', '.type: insecure_example is a teaching example'],
    ['{ type: ldap }', '.url: is required'],
    [`{ ${LDAP}, bind_pasword: x }`, '.bind_pasword: unknown setting; did you mean "bind_password"?'],
    [`{ ${LDAP}, bind_password_fil: x }`, '.bind_password_fil: unknown setting; did you mean "bind_password_file"?'],
    [`{ ${LDAP}, requre_mfa: true }`, '.requre_mfa: unknown setting; did you mean "require_mfa"?'],
    ['{ type: ldap, url: "ldaps://plain", ca_file: x }', '.ca_file: is not used here'],
    [`{ ${LDAP}, id: "" }`, '.id: must be 1 to 64 of a-z, 0-9, _ and -'],
    [`{ ${LDAP}, id: Office }`, '.id: must be 1 to 64 of a-z, 0-9, _ and -'],
    [`{ ${LDAP}, new_users: allow }`, '.new_users: must be one of approve, activate, refuse'],
    [`{ ${LDAP}, default_groups: [system-user] }`, '.default_groups[0]: there is no such group; did you mean "system-users"?'],
    [`{ ${LDAP}, default_groups: [system-admin] }`, '.default_groups[0]: new users are never administrators'],
    [`{ ${LDAP}, groups: { Staff: [system-user] } }`, '.groups.Staff[0]: there is no such group; did you mean "system-users"?'],
    [`{ ${LDAP}, groups: { Staff: system-users } }`, '.groups.Staff: must be a list'],
    [`{ ${LDAP}, groups: [system-users] }`, '.groups: must be a block of settings'],
    [`{ ${LDAP}, sync_groups: maybe }`, '.sync_groups: must be true or false'],
    ['{ type: homeassistant, id: a }', '.id: the local provider takes no id: there is only one'],
    ['{ type: local, id: a }', '.id: the local provider takes no id: there is only one'],
  ] as const) {
    test(`${block} is refused`, async () => {
      const [first, ...others] = await complaints(`auth_providers:\n  - ${block}`);
      expect(first).toMatch(/^config\.yaml:2:\d+ /);
      expect(first!.replace(/^\S+ /, '')).toContain(`auth_providers[0]${complaint}`);
      expect(others).toEqual([]);
    });
  }

  test('two of one type and id are refused at the second', async () => {
    const twin = 'another provider has this type and id; give each an id of its own';
    for (const [first, second] of [
      ['{ type: local }', '{ type: homeassistant }'],
      [`{ ${LDAP} }`, `{ ${LDAP} }`],
      [`{ ${LDAP}, id: a }`, `{ ${LDAP}, id: a }`],
    ]) {
      expect(await complaints(`auth_providers:\n  - ${first}\n  - ${second}`)).toEqual([`config.yaml:3:5 auth_providers[1]: ${twin}`]);
    }
    expect(await complaints(`auth_providers:\n  - { ${LDAP} }\n  - { ${LDAP}, id: a }`)).toEqual([]);
  });
});

describe('auth_mfa_modules', () => {
  test('the id is the type where none is given', async () => {
    const config = await load(
      'auth_mfa_modules:\n  - type: totp\n  - { type: notify, target: a }\n  - { type: notify, id: second, name: Two, target: b }',
    );
    expect(config.auth_mfa_modules).toEqual([
      { type: 'totp', id: 'totp' },
      { type: 'notify', id: 'notify', target: 'a' },
      { type: 'notify', id: 'second', name: 'Two', target: 'b' },
    ]);
  });

  test('an empty list means no second factors', async () => {
    expect((await load('auth_mfa_modules: []')).auth_mfa_modules).toEqual([]);
  });

  test('two of one id are refused at the second', async () => {
    expect(await complaints('auth_mfa_modules:\n  - type: totp\n  - { type: notify, id: totp, target: a }')).toEqual([
      'config.yaml:3:5 auth_mfa_modules[1]: another MFA module has this id; give each an id of its own',
    ]);
  });
});
