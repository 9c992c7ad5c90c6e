// The quota of rows that an ordinary request from an address has.
import { createRowQuotas, type RowQuota } from '../../src/domain/row_quota.ts';

export const NO_PROXIES = createRowQuotas({ trusted_proxies: [] });

/** `network` may be any text. */
export const quotaOf = (network: string): RowQuota => NO_PROXIES({ remote_address: network });
