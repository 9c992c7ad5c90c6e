// The issuer's signing keys: current, next and published ones, and their rotation by command or
// age. Every process checks for changes every few seconds; a successor is published long before it
// signs, so that clients know it.
import type { Audit } from '../domain/audit_event.ts';
import { SIGNING_ALGORITHMS, type SigningAlgorithm } from '../domain/client.ts';
import { addSeconds, type Clock } from '../domain/clock.ts';
import type { JsonObject } from '../domain/json.ts';
import type { SigningKeyRepository, SigningKeyRow } from '../repository/signing_keys.ts';
import type { Sealer } from '../secrets/sealer.ts';
import { createSignatureCache } from './signature_cache.ts';
import {
  encodedJwsHeaders,
  type JwsHeader,
  jwsHeader,
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

/** Seconds for which a successor is published before it signs. */
export const PUBLICATION_LEAD = 600;
/** Cache lifetime of the JWKS in seconds, well below the lead. */
export const JWKS_MAX_AGE = 300;
/** Longer tokens are refused without parsing (HA contract 8.3). */
const MAX_TOKEN_LENGTH = 8192;

const REFRESH_MS = 2_000;
const MIN_REFRESH_MS = 1_000;
/**
 * Seconds for which a key verifies after its last signature: the age up to which an ID token is
 * accepted as a hint. Access tokens are valid for a day at most, except long-lived ones.
 */
const HINT_LIFETIME = 30 * 86_400;
/**
 * Seconds added to a key's lifetime for clock differences and replicas that learn of a successor
 * late.
 */
const MARGIN = 60;

export interface KeyringDeps {
  signingKeys: SigningKeyRepository;
  sealer: Pick<Sealer, 'seal' | 'open'>;
  clock: Clock;
  /** Seconds for which a key signs; absent: only rotate() replaces it. */
  signing_key_lifetime?: number;
  audit?: Audit;
}

export interface Keyring {
  /**
   * Signs claims with the current key of the algorithm (default: ES256). Other algorithms need
   * `ready` first.
   */
  sign(claims: object, typ: TokenTyp, algorithm?: SigningAlgorithm): string;
  /** Resolves when there is a key of the algorithm, creating the first. */
  ready(algorithm: SigningAlgorithm): Promise<void>;
  /** Verifies a token of this issuer; null for any other, and after its key was removed. */
  verify(token: string): { header: JwsHeader; claims: JsonObject } | null;
  /**
   * Keeps the key of a long-lived token published until the token expires, even if the key is
   * replaced.
   */
  keep(token: string, expires_at: Date): Promise<void>;
  /**
   * The public keys (RFC 7517), including those that will sign soon; the same object until the next
   * refresh.
   */
  jwks(): { keys: ReturnType<typeof publicJwk>[] };
  /** Loads changes by other processes. */
  refresh(): Promise<void>;
  /**
   * Publishes a successor that signs in `signs_in` seconds; returns its id, or that of a successor
   * that is already waiting.
   */
  rotate(options?: { algorithm?: SigningAlgorithm; signs_in?: number }): Promise<string>;
  list(): (SigningKeyRow & { state: 'waiting' | 'signing' | 'retired' })[];
  /** Waits for work in progress. */
  close(): Promise<void>;
}

export async function createKeyring(deps: KeyringDeps): Promise<Keyring> {
  const { signingKeys, sealer, clock, signing_key_lifetime, audit } = deps;
  const verified_tokens = createSignatureCache();
  let keys: SigningKey[] = [];
  let by_header = new Map<string, { key: SigningKey; header: JwsHeader }>();
  let published: ReturnType<Keyring['jwks']> = { keys: [] };
  let refreshing: Promise<void> | undefined;
  let maintaining: Promise<void> | undefined;
  let closed = false;
  let refreshed_at = Number.NEGATIVE_INFINITY;

  function signer(algorithm: SigningAlgorithm): SigningKey | undefined {
    const now = clock();
    return keys.findLast((key) => key.algorithm === algorithm && key.signs_from <= now);
  }

  async function load(): Promise<void> {
    refreshed_at = performance.now();
    const now = clock();
    const rows = await signingKeys.list({ now });
    const signing = SIGNING_ALGORITHMS.map((algorithm) => rows.findLast((row) => row.algorithm === algorithm && row.signs_from <= now));
    keys = await Promise.all(rows.map((row) => readKey(row, row.signs_from > now || signing.includes(row))));
    by_header = new Map(keys.flatMap((key) => TOKEN_TYPS.map((typ) => [key.headers[typ], { key, header: jwsHeader(key, typ) }])));
    published = { keys: keys.map(publicJwk) };
  }

  /** Keys that only verify stay sealed. */
  async function readKey(row: SigningKeyRow, signs: boolean): Promise<SigningKey> {
    const known = keys.find((key) => key.id === row.id);
    const public_key = known?.public_key ?? readPublicKey(row);
    const private_key = signs ? (known?.private_key ?? (await unseal(row.id))) : undefined;
    return { ...row, public_key, private_key, headers: known?.headers ?? encodedJwsHeaders(row) };
  }

  async function unseal(id: string) {
    const sealed = await signingKeys.findPrivateKey(id);
    if (!sealed) throw new Error(`The signing key ${id} is gone`);
    return readPrivateKey(sealer.open(sealed, place(id)));
  }

  async function newSealedKey(algorithm: SigningAlgorithm) {
    const key = await newSigningKey(algorithm);
    return { ...key, private_key: sealer.seal(key.private_key, place(key.id)) };
  }

  function refresh(): Promise<void> {
    refreshing ??= load().finally(() => {
      refreshing = undefined;
    });
    return refreshing;
  }

  /** An unknown key id may be new; the queries are limited, since it may also be junk. */
  function lookForNews(): void {
    if (performance.now() - refreshed_at >= MIN_REFRESH_MS) refresh().catch(() => {});
  }

  async function ready(algorithm: SigningAlgorithm): Promise<void> {
    if (keys.some((key) => key.algorithm === algorithm && key.expires_at === null)) return;
    const key = await newSealedKey(algorithm);
    if (await signingKeys.addFirst(key, clock())) {
      audit?.record({ type: 'signing_key.created', outcome: 'done', detail: { kid: key.id, algorithm } });
    }
    await refreshAnew();
  }

  async function rotate({ algorithm = 'ES256', signs_in = PUBLICATION_LEAD }: { algorithm?: SigningAlgorithm; signs_in?: number } = {}) {
    await refreshAnew();
    const waiting = keys.find((key) => key.algorithm === algorithm && key.signs_from > clock());
    if (waiting) return waiting.id;
    const predecessor_expires_in = signs_in + HINT_LIFETIME + MARGIN;
    const succession = { now: clock(), signs_in, predecessor_expires_in, signs_long_lived: algorithm === 'ES256', margin: MARGIN };
    const { id, added } = await signingKeys.addSuccessor(await newSealedKey(algorithm), succession);
    if (added) audit?.record({ type: 'signing_key.rotated', outcome: 'done', detail: { kid: id, algorithm } });
    await refreshAnew();
    return id;
  }

  /** A refresh that started before the change is not enough. */
  async function refreshAnew(): Promise<void> {
    await refreshing?.catch(() => {});
    await refresh();
  }

  /** Maintenance by every process: each algorithm has a key, and none signs for too long. */
  async function maintain(): Promise<void> {
    await refresh();
    for (const algorithm of SIGNING_ALGORITHMS) {
      if (closed) return;
      await ready(algorithm);
      const youngest = keys.findLast((key) => key.algorithm === algorithm);
      const due = youngest && signing_key_lifetime && addSeconds(youngest.signs_from, signing_key_lifetime - PUBLICATION_LEAD);
      if (due && due <= clock()) await rotate({ algorithm });
    }
  }

  await refresh();
  // Commands wait only for the access-token key; a server has all keys before it listens.
  await ready('ES256');
  const timer = setInterval(() => {
    // Failures are retried next time; until then the keys stay unchanged.
    maintaining ??= maintain()
      .catch(() => {})
      .finally(() => {
        maintaining = undefined;
      });
  }, REFRESH_MS).unref();

  return {
    sign(claims, typ, algorithm = 'ES256') {
      const key = signer(algorithm);
      if (!key?.private_key) throw new Error(`There is no key that signs ${algorithm} now`);
      return signJws(key.headers[typ], claims, algorithm, key.private_key);
    },
    ready,
    verify(token) {
      if (token.length > MAX_TOKEN_LENGTH) return null;
      const [header = '', claims = '', signature = '', ...rest] = token.split('.', 4);
      if (rest.length > 0) return null;
      // Only headers exactly as this server writes them are accepted: no other alg, jwk, jku or
      // crit.
      const known = by_header.get(header);
      if (!known) {
        lookForNews();
        return null;
      }
      if (known.key.expires_at && known.key.expires_at <= clock()) return null;
      const { algorithm, public_key } = known.key;
      const verified = verified_tokens.claimsOf(token, () => verifyJws(`${header}.${claims}`, signature, algorithm, public_key));
      return verified && { header: known.header, claims: verified };
    },
    async keep(token, expires_at) {
      const signed_by = by_header.get(token.slice(0, token.indexOf('.')));
      if (!signed_by) throw new Error('The key of a token that is to last is gone');
      await signingKeys.prolong({ id: signed_by.key.id, expires_at: addSeconds(expires_at, MARGIN) });
    },
    jwks: () => published,
    refresh,
    rotate,
    list() {
      const signing = SIGNING_ALGORITHMS.map(signer);
      const now = clock();
      return keys.map((key) => {
        const { public_key: _, private_key: __, headers: ___, ...row } = key;
        return { ...row, state: signing.includes(key) ? 'signing' : key.signs_from > now ? 'waiting' : 'retired' };
      });
    },
    async close() {
      closed = true;
      clearInterval(timer);
      await maintaining;
    },
  };
}

function place(id: string) {
  return { table: 'signing_keys', column: 'private_key', id };
}
