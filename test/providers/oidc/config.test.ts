import { expect, it, test } from 'vitest';
import { oidcConfig, oidcSettings } from '../../../src/providers/oidc/config.ts';

const plain = { issuer: 'https://op.example', client_id: 'latchkey', client_secret: 'secret' };
const endpoints = {
  authorization_endpoint: 'https://op.example/authorize',
  token_endpoint: 'https://op.example/token',
  userinfo_endpoint: 'https://op.example/user',
};
const settings = (block: object) => oidcSettings(oidcConfig.parse(block));
const complaints = (block: object) =>
  oidcConfig.safeParse(block).error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`) ?? [];

it('asks for what OpenID Connect calls the usual, and discovers the rest', () => {
  expect(settings(plain)).toMatchObject({
    default_name: undefined,
    token_endpoint_auth_method: 'client_secret_basic',
    scopes: ['openid', 'profile', 'email'],
    claims: { subject: 'sub', groups: 'groups' },
    endpoints: null,
    allow_private_addresses: false,
  });
});

it('a preset says what is known, and a setting takes its place', () => {
  const { issuer: _, ...client } = plain;
  expect(settings({ ...client, preset: 'google' })).toMatchObject({ default_name: 'Google', issuer: 'https://accounts.google.com' });
  expect(settings({ ...plain, preset: 'gitlab' }).issuer).toBe('https://op.example');
  const github = settings({ ...client, preset: 'github', claims: { name: 'login' }, scopes: ['user'] });
  expect(github).toMatchObject({
    token_endpoint_auth_method: 'client_secret_post',
    scopes: ['user'],
    claims: { subject: 'id', name: 'login', username: 'login', email: 'email' },
    endpoints: { userinfo_endpoint: 'https://api.github.com/user' },
  });
});

test.each<[string, object, string]>([
  ['no issuer', { issuer: undefined }, 'issuer is required'],
  ['a preset of everybody’s own server without one', { issuer: undefined, preset: 'keycloak' }, 'issuer is required'],
  ['an unknown preset', { preset: 'gogle' }, 'preset '],
  ['http', { issuer: 'http://op.example' }, 'issuer must be a https URL'],
  ['http at home', { issuer: 'http://192.168.0.2' }, 'issuer must be a https URL'],
  ['a user in it', { issuer: 'https://a:b@op.example' }, 'issuer must be a https URL'],
  ['no secret', { client_secret: undefined }, 'client_secret is required'],
  ['a secret that is not used', { token_endpoint_auth_method: 'none' }, 'client_secret is not used'],
  ['an endpoint alone', { token_endpoint: endpoints.token_endpoint }, 'authorization_endpoint goes with'],
  ['no openid', { scopes: ['profile'] }, 'scopes must have openid'],
  ['two scopes in one', { scopes: ['openid profile'] }, 'scopes.0 must be a scope'],
  // K10
  ['people known by their e-mail address', { claims: { subject: 'email' } }, 'claims.subject must be what never changes'],
  ['people known by their name', { claims: { subject: 'preferred_username' } }, 'claims.subject must be what never changes'],
])('%s is refused', (_story, differs, complaint) => {
  expect(complaints({ ...plain, ...differs }).join('\n')).toContain(complaint);
});

test.each<[string, object]>([
  ['http on this machine', { issuer: 'http://127.0.0.1:8080' }],
  ['http on this machine by its name', { issuer: 'http://localhost:8080/realms/home' }],
  ['http on this machine in IPv6', { issuer: 'http://[::1]:8080' }],
  ['a client without a secret', { client_secret: undefined, token_endpoint_auth_method: 'none' }],
  ['OAuth alone', { ...endpoints, scopes: ['user'], claims: { subject: 'id' } }],
])('%s is accepted', (_story, differs) => {
  expect(complaints({ ...plain, ...differs })).toEqual([]);
});
