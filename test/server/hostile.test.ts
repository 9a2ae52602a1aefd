/** Bytes that no decent client sends: each is answered or cut off, none is a failure of the server, which goes on. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { postImages, sharedServer } from './running.js';

const POST = 'POST /v1/images/generations HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n';
const JSON_TYPE = 'content-type: application/json\r\n';
const BODY = '{"label":1,"steps":1}';

function post(body: string, { headers = JSON_TYPE, length = String(Buffer.byteLength(body)) } = {}): string {
  return `${POST}${headers}content-length: ${length}\r\n\r\n${body}`;
}

function get(path: string, headers = 'host: localhost\r\n'): string {
  return `GET ${path} HTTP/1.1\r\n${headers}connection: close\r\n\r\n`;
}

function compressed(): Buffer {
  const body = gzipSync(BODY);
  const head = `${POST}${JSON_TYPE}content-encoding: gzip\r\ncontent-length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

/** What is sent, and the status of the answer. */
const SENT: Readonly<Record<string, readonly [bytes: string | Buffer, status: number]>> = {
  'a prompt of 10 MB': [post(JSON.stringify({ prompt: 'x'.repeat(1e7) })), 413],
  'a negative length': [post(BODY, { length: '-5' }), 400],
  'a length that is no integer': [post(BODY, { length: '1e3' }), 400],
  'a length and chunks': [post(BODY, { headers: `${JSON_TYPE}transfer-encoding: chunked\r\n` }), 400],
  'a chunk without a length': [`${POST}${JSON_TYPE}transfer-encoding: chunked\r\n\r\nZZ\r\nxx\r\n`, 400],
  'headers of 100 kB': [get('/', `host: localhost\r\nx: ${'a'.repeat(1e5)}\r\n`), 400],
  'a header with a zero byte': [get('/', 'host: localhost\r\nx: a\0b\r\n'), 400],
  'a folded header': [get('/', 'host: localhost\r\nx: a\r\n b\r\n'), 400],
  'lines without a carriage return': ['GET / HTTP/1.1\nhost: localhost\n\n', 400],
  'the host of another site': [get('/health', 'host: evil.example\r\n'), 403],
  'no host': ['GET /health HTTP/1.0\r\n\r\n', 403],
  'another version of HTTP': ['GET / HTTP/9.9\r\n\r\n', 400],
  'the beginning of TLS': [Buffer.from('16030100a5010000a1', 'hex'), 400],
  'the beginning of HTTP/2': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  'an expectation that nobody knows': [post(BODY, { headers: `${JSON_TYPE}expect: 200-ok\r\n` }), 417],
  'another method': [
    'TRACE /v1/images/generations HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
    404,
  ],
  'a path out of the server': [get('/v1/images/files/..%2f..%2fetc%2fpasswd'), 404],
  'a path with a zero byte': [get('/%00'), 404],
  'a path that cannot be decoded': [get('/%zz'), 400],
  'a path of 15 kB': [get(`/${'a'.repeat(15_000)}`), 404],
  'arrays in arrays': [post('['.repeat(30_000) + ']'.repeat(30_000)), 400],
  'arrays in a field': [post(`{"label":${'['.repeat(20_000)}${']'.repeat(20_000)}}`), 400],
  'a prototype': [post('{"label":1,"steps":1,"__proto__":{"n":1000}}'), 400],
  'a constructor': [post('{"label":1,"steps":1,"constructor":{"prototype":{"n":3}}}'), 400],
  'a body in UTF-16': [post(Buffer.from(BODY, 'utf16le').toString('latin1')), 400],
  'a compressed body': [compressed(), 400],
  'a form': [post(BODY, { headers: 'content-type: multipart/form-data; boundary=x\r\n' }), 415],
  'a body of no type': [post(BODY, { headers: '' }), 415],
  'a recipe from the prototype': [post('{"label":1,"steps":1,"recipe":"__proto__"}'), 400],
  'a model from the prototype': [post('{"label":1,"steps":1,"model":"toString"}'), 404],
  'forwarded headers, which nobody believes': [
    post(BODY, { headers: `${JSON_TYPE}x-forwarded-for: "><script>\r\nx-forwarded-host: evil\r\n` }),
    200,
  ],
};

/** The status of the first answer. */
function statusOf(port: number, bytes: string | Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket
      .setEncoding('latin1')
      .on('data', (chunk) => {
        text += chunk;
      })
      // Of one that is refused while it still sends.
      .on('error', () => {})
      .on('close', () => {
        const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(text) ?? [];
        if (status === undefined) reject(new Error('there is no answer'));
        else resolve(Number(status));
      });
    socket.write(bytes);
  });
}

describe('hostile bytes', () => {
  const server = sharedServer({ limits: { arrivalSeconds: 2 } });
  const port = () => Number(new URL(server.address).port);

  for (const [name, [bytes, status]] of Object.entries(SENT))
    test(name, async () => assert.equal(await statusOf(port(), bytes), status));

  test('clients that leave at any moment, and the server goes on', async () => {
    const request = post('{"label":1,"steps":3,"n":3,"stream":true,"partial_images":3}');
    await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const socket = connect(port(), '127.0.0.1').on('error', () => {});
        socket.write(request.slice(0, i % 3 === 0 ? (request.length * i) / 60 : undefined));
        await new Promise((resolve) => setTimeout(resolve, i));
        socket.destroy();
      }),
    );
    assert.equal((await postImages(server.address, JSON.parse(BODY))).status, 200);
    assert.deepEqual(server.failures, []);
  });
});
