// Tokens as the shop's issuer would sign them, and the public key that the service checks them with.
import { generateKeyPairSync, sign } from "node:crypto";

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const base64url = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

export const publicKeyPem = publicKey.export({ type: "spki", format: "pem" });

/** The value of `Authorization` of a caller with these authorities; with the orders of one customer alone, where one is named. */
export function bearer(scope, customer) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { aud: "orders", sub: "someone", scope, customer_id: customer, iat: now, exp: now + 3600 };
  const signed = `${base64url({ alg: "RS256", typ: "JWT" })}.${base64url(claims)}`;
  return `Bearer ${signed}.${sign("sha256", Buffer.from(signed), privateKey).toString("base64url")}`;
}
