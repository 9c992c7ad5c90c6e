// The keys of this issuer: which one signs now, which ones verify, and how one follows another. Every process holds the same keyring and
// looks for changes every few seconds; a successor is published long before it signs, so that every reader of the JWKS knows it first.
import type { Audit } from '../domain/audit_event.ts';
import type { Clock } from '../domain/clock.ts';
import type { JsonObject } from '../domain/json.ts';
import type { Sealer } from '../repository/seal.ts';
import type { SigningKeyRow, SigningKeys } from '../repository/signing_keys.ts';
import {
  headerOf,
  headersOf,
  type JwsHeader,
  newSigningKey,
  publicJwk,
  readPrivateKey,
  readPublicKey,
  type SigningKey,
  signJws,
  TOKEN_TYPS,
  type TokenTyp,
  verifyJws,
} from './signing_key.ts';

/** Seconds a successor is published before it signs. */
export const PUBLICATION_LEAD = 600;
/** Seconds for which others may keep the JWKS: well below the lead. */
export const JWKS_MAX_AGE = 300;
/** Longer tokens are refused unread (HA contract 8.3). */
const MAX_TOKEN_LENGTH = 8192;

const REFRESH_MS = 5_000;
const MIN_REFRESH_MS = 1_000;
/** Seconds by which a key outlives its last token: leeway, and replicas that learn of a successor late. */
const MARGIN = 60;

export interface KeyringDeps {
  signingKeys: SigningKeys;
  sealer: Pick<Sealer, 'seal' | 'open'>;
  clock: Clock;
  /** The longest life of any token that we sign, in seconds: a retired key stays published for so long. */
  token_lifetime_max: number;
  audit?: Audit;
}

export interface Keyring {
  /** A JWS of these claims, by the key that signs now. */
  sign(claims: object, typ: TokenTyp): string;
  /** What a token of ours says; null for anything that we did not sign, or whose key is gone. */
  verify(token: string): { header: JwsHeader; claims: JsonObject } | null;
  /** The public keys (RFC 7517), those that will sign soon included. */
  jwks(): { keys: ReturnType<typeof publicJwk>[] };
  /** Takes in what other processes changed. */
  refresh(): Promise<void>;
  /** Publishes a successor and answers its id; while one waits to sign already, that one's. */
  rotate(): Promise<string>;
  list(): (SigningKeyRow & { state: 'waiting' | 'signing' | 'retired' })[];
  close(): void;
}

export async function createKeyring({ signingKeys, sealer, clock, token_lifetime_max, audit }: KeyringDeps): Promise<Keyring> {
  let keys: SigningKey[] = [];
  let by_header = new Map<string, { key: SigningKey; header: JwsHeader }>();
  let refreshing: Promise<void> | undefined;
  let refreshed_at = Number.NEGATIVE_INFINITY;

  function signer(): SigningKey {
    const now = clock();
    const key = keys.findLast((key) => key.signs_from <= now);
    if (!key) throw new Error('No key signs yet');
    return key;
  }

  async function load(): Promise<void> {
    refreshed_at = performance.now();
    const now = clock();
    const rows = await signingKeys.list({ now });
    const current = rows.findLastIndex((row) => row.signs_from <= now);
    keys = await Promise.all(rows.map((row, index) => readKey(row, index >= current)));
    by_header = new Map(keys.flatMap((key) => TOKEN_TYPS.map((typ) => [key.headers[typ], { key, header: headerOf(key.id, typ) }])));
  }

  /** Keys that only verify are never unsealed. */
  async function readKey(row: SigningKeyRow, signs: boolean): Promise<SigningKey> {
    const known = keys.find((key) => key.id === row.id);
    const public_key = known?.public_key ?? readPublicKey(row);
    const private_key = signs ? (known?.private_key ?? (await unseal(row.id))) : undefined;
    return { ...row, public_key, private_key, headers: known?.headers ?? headersOf(row.id) };
  }

  async function unseal(id: string) {
    const sealed = await signingKeys.findPrivateKey(id);
    if (!sealed) throw new Error(`The signing key ${id} is gone`);
    return readPrivateKey(sealer.open(sealed, place(id)));
  }

  function newSealedKey() {
    const key = newSigningKey();
    return { ...key, private_key: sealer.seal(key.private_key, place(key.id)) };
  }

  function refresh(): Promise<void> {
    refreshing ??= load().finally(() => {
      refreshing = undefined;
    });
    return refreshing;
  }

  /** Somebody shows a key that we do not know: perhaps it is new. Junk must not become one query each. */
  function lookForNews(): void {
    if (performance.now() - refreshed_at >= MIN_REFRESH_MS) refresh().catch(() => {});
  }

  await refresh();
  if (!keys.some((key) => key.expires_at === null)) {
    const key = newSealedKey();
    if (await signingKeys.addFirst(key, clock())) audit?.record({ type: 'signing_key.created', outcome: 'done', detail: { kid: key.id } });
    await refresh();
  }
  const timer = setInterval(() => refresh().catch(() => {}), REFRESH_MS).unref();

  return {
    sign(claims, typ) {
      const { id, private_key, headers } = signer();
      if (!private_key) throw new Error(`The signing key ${id} was not unsealed`);
      return signJws(headers[typ], claims, private_key);
    },
    verify(token) {
      if (token.length > MAX_TOKEN_LENGTH) return null;
      const [header = '', claims = '', signature = '', ...rest] = token.split('.', 4);
      if (rest.length > 0) return null;
      // Only a header that we ourselves would write, letter by letter, is looked at any further: no alg, jwk, jku or crit of others.
      const known = by_header.get(header);
      if (!known) {
        lookForNews();
        return null;
      }
      if (known.key.expires_at && known.key.expires_at <= clock()) return null;
      const verified = verifyJws(`${header}.${claims}`, signature, known.key.public_key);
      return verified && { header: known.header, claims: verified };
    },
    jwks: () => ({ keys: keys.map(publicJwk) }),
    refresh,
    async rotate() {
      const succession = {
        now: clock(),
        signs_in: PUBLICATION_LEAD,
        predecessor_expires_in: PUBLICATION_LEAD + token_lifetime_max + MARGIN,
      };
      const { id, added } = await signingKeys.addSuccessor(newSealedKey(), succession);
      if (added) audit?.record({ type: 'signing_key.rotated', outcome: 'done', detail: { kid: id } });
      // One that began before the successor was there does not count.
      await refreshing?.catch(() => {});
      await refresh();
      return id;
    },
    list() {
      const { id: signing } = signer();
      const now = clock();
      return keys.map(({ public_key: _, private_key: __, headers: ___, ...row }) => ({
        ...row,
        state: row.id === signing ? 'signing' : row.signs_from > now ? 'waiting' : 'retired',
      }));
    },
    close: () => clearInterval(timer),
  };
}

function place(id: string) {
  return { table: 'signing_keys', column: 'private_key', id };
}
