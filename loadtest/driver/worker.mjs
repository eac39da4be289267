// One process of clients: obeys the orders of driver.mjs until it is let go.

import { Clients } from './clients.mjs';

const clients = new Clients(JSON.parse(process.argv[2]));

process.on('message', async ({ do: what, ...order }) => {
  process.send(await clients[what](order));
});
process.on('disconnect', () => process.exit(0));
