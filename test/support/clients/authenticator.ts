// A software authenticator: makes real attestations and assertions, and on demand wrong ones.
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

interface Quirks {
  /** Whose page asked, as the browser tells. */
  origin?: string;
  /** The relying party that the authenticator signs for. */
  rp_id?: string;
  /** The ceremony that the browser tells. */
  type?: 'webauthn.get' | 'webauthn.create';
  challenge?: string;
  user_verified?: boolean;
  counter?: number;
  raw_id?: string;
  user_handle?: string;
  spoil_signature?: boolean;
}

export interface Authenticator {
  credential_id: string;
  /** Answers `navigator.credentials.create`. */
  create(options: string, quirks?: Quirks): string;
  /** Answers `navigator.credentials.get`. */
  get(options: string, quirks?: Quirks): string;
}

const UP = 0x01;
const UV = 0x04;
const BACKED_UP = 0x18;
const ATTESTED = 0x40;

/** `synced`: its keys are backed up and counted by nobody. */
export function createAuthenticator({ origin = 'https://auth.example.com', synced = false } = {}): Authenticator {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const id = randomBytes(32);
  const credential_id = id.toString('base64url');
  let counter = 0;
  let user_handle = '';

  function data(rp_id: string, flags: number, quirks: Quirks, attested = Buffer.alloc(0)): Buffer {
    counter += synced ? 0 : 1;
    const count = Buffer.alloc(4);
    count.writeUInt32BE(quirks.counter ?? counter);
    const all = flags | (quirks.user_verified === false ? 0 : UV) | UP | (synced ? BACKED_UP : 0);
    return Buffer.concat([sha256(quirks.rp_id ?? rp_id), Buffer.from([all]), count, attested]);
  }

  function client(type: string, challenge: string, quirks: Quirks): Buffer {
    const told = {
      type: quirks.type ?? type,
      challenge: quirks.challenge ?? challenge,
      origin: quirks.origin ?? origin,
      crossOrigin: false,
    };
    return Buffer.from(JSON.stringify(told));
  }

  function answer(response: Record<string, unknown>, quirks: Quirks): string {
    return JSON.stringify({
      id: credential_id,
      rawId: quirks.raw_id ?? credential_id,
      type: 'public-key',
      response,
      clientExtensionResults: {},
    });
  }

  return {
    credential_id,
    create(options, quirks = {}) {
      const { challenge, rp, user } = JSON.parse(options);
      user_handle = user.id;
      const length = Buffer.from([0, id.length]);
      const attested = Buffer.concat([Buffer.alloc(16), length, id, cbor(coseKey(publicKey))]);
      const object = new Map<string, unknown>([
        ['fmt', 'none'],
        ['attStmt', new Map()],
        ['authData', data(rp.id, ATTESTED, quirks, attested)],
      ]);
      const clientDataJSON = client('webauthn.create', challenge, quirks).toString('base64url');
      return answer({ clientDataJSON, attestationObject: cbor(object).toString('base64url'), transports: ['internal'] }, quirks);
    },
    get(options, quirks = {}) {
      const { challenge, rpId } = JSON.parse(options);
      const authenticatorData = data(rpId, 0, quirks);
      const clientData = client('webauthn.get', challenge, quirks);
      const signature = sign('sha256', Buffer.concat([authenticatorData, sha256(clientData)]), privateKey);
      if (quirks.spoil_signature) signature[signature.length - 1] = (signature.at(-1) ?? 0) ^ 1;
      const response = {
        clientDataJSON: clientData.toString('base64url'),
        authenticatorData: authenticatorData.toString('base64url'),
        signature: signature.toString('base64url'),
        userHandle: quirks.user_handle ?? user_handle,
      };
      return answer(response, quirks);
    },
  };
}

function sha256(data: string | Buffer): Buffer {
  return createHash('sha256').update(data).digest();
}

/** RFC 9052 section 7: an EC2 key for ES256. */
function coseKey(key: KeyObject): Map<number, unknown> {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  return new Map<number, unknown>([
    [1, 2],
    [3, -7],
    [-1, 1],
    [-2, Buffer.from(x, 'base64url')],
    [-3, Buffer.from(y, 'base64url')],
  ]);
}

/** As much of RFC 8949 as an attestation needs. */
function cbor(value: unknown): Buffer {
  if (typeof value === 'number') return value >= 0 ? head(0, value) : head(1, -1 - value);
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  if (value instanceof Map) return Buffer.concat([head(5, value.size), ...[...value].flat().map(cbor)]);
  throw new Error('not needed');
}

function head(major: number, length: number): Buffer {
  if (length < 24) return Buffer.from([(major << 5) | length]);
  if (length < 256) return Buffer.from([(major << 5) | 24, length]);
  return Buffer.from([(major << 5) | 25, length >> 8, length & 255]);
}
