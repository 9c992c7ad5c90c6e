import fc from 'fast-check';
import { expect, test } from 'vitest';
import { publishedRedirectUris } from '../../src/domain/client_page.ts';
import { holds } from '../support/checks/holds.ts';
import { vectors } from '../support/clients/vectors.ts';

// The cases of a status and of a silent network belong to the fetch.
for (const { id, given, request, expect: want } of vectors('client-page').filter(({ given }) => given.body && !given.status)) {
  test(`${id}: ${given.body.slice(0, 80)} publishes ${JSON.stringify(want.redirect_uris)}`, () => {
    expect(publishedRedirectUris(given.body, request.fetch)).toEqual(want.redirect_uris);
  });
}

const client_id = 'https://h.example/app/index';
const published = (html: string) => publishedRedirectUris(html, client_id);
const link = '<link rel="redirect_uri" href="a">';

// L6
test('only real start tags count', () => {
  for (const element of [
    'script',
    'style',
    'title',
    'textarea',
    'template',
    'iframe',
    'noembed',
    'noframes',
    'xmp',
    'TEMPLATE',
    'Script',
  ]) {
    expect(published(`<${element}>${link}</${element}>`), element).toEqual([]);
    expect(published(`<${element}>x</${element}>${link}`), element).toEqual(['https://h.example/app/a']);
  }
  for (const html of [
    `<!--${link}-->`,
    `<!-- > ${link}`,
    `<a title='${link}'>`,
    '</link rel="redirect_uri" href="a">',
    '&lt;link rel=redirect_uri href=a&gt;',
  ]) {
    expect(published(html), html).toEqual([]);
  }
});

// L6
test('a template inside others is still a template', () => {
  expect(published(`<template><template></template>${link}</template>`)).toEqual([]);
  expect(published(`<p><template></p>${link}</template>`)).toEqual([]);
});

// L6
test('a tag that the limit cut off does not count', () => {
  for (const cut of [
    '<link rel="redirect_uri" href="a',
    '<link rel="redirect_uri" href="a"',
    '<link rel="redirect_uri" href=a',
    '<link rel="redirect_uri"',
  ]) {
    expect(published(`<p>${cut}`), cut).toEqual([]);
  }
});

// L6
test('rel is exactly redirect_uri', () => {
  for (const rel of ['redirect_uri foo', ' redirect_uri', 'redirect-uri', ''])
    expect(published(`<link rel="${rel}" href="a">`), rel).toEqual([]);
  expect(published("<LINK HREF=b REL='redirect_uri'><link rel=redirect_uri href=c>")).toEqual([
    'https://h.example/app/b',
    'https://h.example/app/c',
  ]);
});

test('a tag without href, or with an empty one, is skipped', () => {
  expect(published('<link rel="redirect_uri">')).toEqual([]);
  expect(published('<link rel="redirect_uri" href="">')).toEqual([]);
});

test('a base element is ignored', () => {
  expect(published(`<base href="https://evil.test/">${link}`)).toEqual(['https://h.example/app/a']);
});

// A10
test('a script URI or an ambiguous one is never published', () => {
  for (const href of ['javascript:alert(1)', 'data:text/html,x', 'java&#10;script:x', ' //evil.test/', '/\\evil.test']) {
    expect(published(`<link rel="redirect_uri" href="${href}">`), href).toEqual([]);
  }
});

test('no page makes the parser throw', () => {
  const pieces = fc.constantFrom(
    '<',
    '>',
    '<link ',
    'rel=redirect_uri',
    ' href=',
    '"',
    "'",
    '<!--',
    '-->',
    '<template>',
    '</template>',
    '<script>',
    '</',
    '&#',
    '\ufffd',
    '\0',
    '..',
    '//',
  );
  holds(fc.property(fc.array(fc.oneof(pieces, fc.string({ unit: 'binary' }))), (parts) => void published(parts.join(''))));
});
