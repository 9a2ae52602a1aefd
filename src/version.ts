/** This package's version. A test holds it to package.json, which a bundle does not have. */
export const VERSION = '0.1.0';
