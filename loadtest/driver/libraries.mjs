// socket.io-client and ws as the chat page has them: the gateway is measured with what its users get.

import { createRequire } from 'node:module';

const ofPage = createRequire(new URL('../../chatbot/web/package.json', import.meta.url));
const ofClient = createRequire(ofPage.resolve('socket.io-client'));
const ofEngine = createRequire(ofClient.resolve('engine.io-client'));

export const { io } = ofPage('socket.io-client');
export const { WebSocket } = ofEngine('ws');
