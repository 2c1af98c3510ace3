// Bytes over a plain socket, for requests that no client library would send.
import { connect } from "node:net";

/** Sends `bytes`, collects what comes until the server closes or `timeout` passes. */
export function talk(url, bytes, { timeout = 5000, halfClose = false } = {}) {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const chunks = [];
    const socket = connect(Number(port), hostname);
    let closed = false;
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text: Buffer.concat(chunks).toString("latin1"), closed });
    };
    const timer = setTimeout(finish, timeout);
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("close", () => {
      closed = true;
      finish();
    });
    socket.on("error", () => {});
    socket.write(bytes);
    if (halfClose) socket.end();
  });
}

/** Status codes of the replies in `text`, in order. */
export function statuses(text) {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}
