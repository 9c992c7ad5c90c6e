// The profile's fields in requests and responses of the JSON API.
import { z } from 'zod';

/** In responses. */
export const profileResponse = {
  email: z.string().nullable(),
  email_verified: z.boolean(),
  picture: z.string().nullable(),
  locale: z.string().nullable(),
  zoneinfo: z.string().nullable(),
};

/** In bodies: null removes a value. Validated by domain/profile.ts. */
export const profilePatch = {
  email: z.string().max(320).nullable(),
  picture: z.string().max(2048).nullable(),
  locale: z.string().max(64).nullable(),
  zoneinfo: z.string().max(64).nullable(),
};
