/** The reason of a call whose client has gone. */
export class ClientGone extends Error {
  override name = 'ClientGone';
  constructor() {
    super('the client has gone');
  }
}
