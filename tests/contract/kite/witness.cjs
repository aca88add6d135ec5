// A day's requests by Zerodha's own client for JavaScript, unmodified: what it understood, as one line of JSON.
// node witness.cjs MODULES ROOT SOCKET REQUEST_TOKEN API_KEY API_SECRET SYMBOL
"use strict";
const [modules, root, socket, requestToken, apiKey, apiSecret, symbol] = process.argv.slice(2);
const { KiteConnect, KiteTicker } = require(`${modules}/kiteconnect`);

const kite = new KiteConnect({ api_key: apiKey, root });
const key = `NSE:${symbol}`;
const share = { exchange: "NSE", tradingsymbol: symbol, quantity: 3, product: "MIS", validity: "DAY", tag: "witness" };

/** The first tick with depth, and the order update that an order placed after it leads to. */
function heard(token, accessToken, place) {
  return new Promise((resolve, reject) => {
    const ticker = new KiteTicker({ api_key: apiKey, access_token: accessToken, root: `${socket}/`, reconnect: false });
    const found = {};
    ticker.on("error", reject);
    ticker.on("connect", () => {
      ticker.subscribe([token]);
      ticker.setMode(ticker.modeFull, [token]);
    });
    ticker.on("ticks", async (ticks) => {
      const tick = ticks.find((one) => one.mode === "full"); // it is subscribed to in mode quote first
      if (found.tick || !tick) return;
      found.tick = tick;
      await place().catch(reject);
    });
    ticker.on("order_update", (order) => {
      if (order.status !== "COMPLETE") return;
      found.update = order;
      ticker.autoReconnect(false);
      ticker.disconnect();
      resolve(found);
    });
    ticker.connect();
  });
}

async function main() {
  const session = await kite.generateSession(requestToken, apiSecret);
  kite.setAccessToken(session.access_token);
  const told = { user: (await kite.getProfile()).user_id };
  const instrument = (await kite.getInstruments(["NSE"])).find((one) => one.tradingsymbol === symbol);
  told.tick_size = instrument.tick_size;
  const quote = (await kite.getQuote([key]))[key];
  const price = Math.round(quote.lower_circuit_limit * 20) / 20;
  const placed = await kite.placeOrder("regular", { ...share, transaction_type: "BUY", order_type: "LIMIT", price });
  const { order_id } = await kite.modifyOrder("regular", placed.order_id, { quantity: 4, price });
  told.same_id = order_id === placed.order_id;
  await kite.cancelOrder("regular", order_id);
  const history = await kite.getOrderHistory(order_id);
  told.statuses = history.map((one) => one.status);
  told.quantity = history.at(-1).quantity;
  told.refused = await kite.placeOrder("regular", { ...share, transaction_type: "BUY", order_type: "MARKET" }).catch((error) => error);
  const market = { ...share, transaction_type: "BUY", order_type: "MARKET", market_protection: -1 };
  const stream = await heard(Number(instrument.instrument_token), session.access_token, () => kite.placeOrder("regular", market));
  told.tick = { token: stream.tick.instrument_token, mode: stream.tick.mode, depth: stream.tick.depth.buy.length };
  told.update = { tags: stream.update.tags, filled: stream.update.filled_quantity };
  told.traded = (await kite.getTrades()).map((one) => one.quantity);
  told.net = (await kite.getPositions()).net.map((one) => [one.tradingsymbol, one.product, one.quantity]);
  told.cash = (await kite.getMargins("equity")).available.cash;
  const order = { transaction_type: "SELL", quantity: 3, product: "CNC", order_type: "LIMIT", price };
  const gtt = await kite.placeGTT({
    trigger_type: "single", tradingsymbol: symbol, exchange: "NSE", trigger_values: [price], last_price: quote.last_price, orders: [order],
  });
  told.gtt = (await kite.getGTT(gtt.trigger_id)).status;
  await kite.deleteGTT(gtt.trigger_id);
  await kite.invalidateAccessToken(session.access_token);
  told.after = await kite.getProfile().catch((error) => error.error_type);
  console.log(JSON.stringify(told));
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
