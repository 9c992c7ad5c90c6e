// Code points that nobody sees, in hexadecimal: joiners, variation selectors, fillers, tags, marks
// of direction and of annotation.
export const INVISIBLE = [
  'ad',
  '34f',
  '61c',
  '115f',
  '180b',
  '200b',
  '200c',
  '200d',
  '200e',
  '202e',
  '2060',
  '2066',
  '3164',
  'fe00',
  'fe0f',
  'feff',
  'ffa0',
  'fff9',
  'e0061',
  'e0100',
];
