import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { connectionConfig, withPassword } from '../../src/postgres/connection.ts';

describe('a connection', () => {
  it('is made of a URL or of its parts', () => {
    const parts = { host: '/run/latchkey', port: 5432, user: 'u', password: 'p', database: 'd' };
    expect(connectionConfig({ connection: 'postgres://u@h/d?sslmode=require' })).toMatchObject({
      connectionString: 'postgres://u@h/d?sslmode=require',
      application_name: 'latchkey',
    });
    expect(connectionConfig({ connection: parts, application_name: 'bench' })).toMatchObject({ ...parts, application_name: 'bench' });
    // PGSSLMODE and the like are about other servers.
    expect(connectionConfig({ connection: parts })).toMatchObject({ ssl: false, sslnegotiation: 'postgres' });
  });

  it.each([
    ['postgres://db.example/d', ''],
    ['postgres://u@db.example:5433/d?host=x@y', 'u'],
    ['postgresql://u:old@db.example/d', 'u'],
    ['postgres://u:o@ld@db.example/d', 'u'],
    ['postgres://u%40x:@db.example/d', 'u@x'],
    ['postgres://u@/d?host=/run/socket', 'u'],
  ])('is made of %s with a password from elsewhere', (url, user) => {
    const password = "p:a/s?s#@w%4'd é";
    const { connectionParameters } = new pg.Client(withPassword(url, password)) as unknown as { connectionParameters: object };
    expect(connectionParameters).toMatchObject({ password, database: 'd', ...(user && { user }) });
  });

  it('takes its TLS from the settings when there are any, not from the URL', () => {
    const connection = 'postgres://u:p%40@h/d?sslmode=disable&sslrootcert=/x&application_name=me';
    expect(connectionConfig({ connection, tls: { ca: 'PEM', server_name: 'db.example' } })).toMatchObject({
      connectionString: 'postgres://u:p%40@h/d?application_name=me',
      ssl: { ca: 'PEM', servername: 'db.example', rejectUnauthorized: true },
    });
    expect(connectionConfig({ connection, tls: { reject_unauthorized: false } }).ssl).toEqual({ rejectUnauthorized: false });
  });
});
