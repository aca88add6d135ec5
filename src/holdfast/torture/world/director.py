"""What happens to a seed's world as a whole: processes killed, frozen and stopped, brokers restarted, people's commands.

The rates of `faults.Rates` say how often, per second or per life. Kills fall on any turn of the loop, on any of the named
crash points, and on recoveries too, several times in a row.
"""

import asyncio
import json
from decimal import Decimal
from random import Random

from holdfast.core.messages import CancelOrders, Flatten, Halt, OrderTerms, Preserve, Protect, Resume
from holdfast.core.steering import SetParameters, StartStrategy, StopStrategy
from holdfast.core.types import ClientOrderId, OrderType, Price, Quantity, Side, StrategyId
from holdfast.telemetry import crash_points
from holdfast.telemetry.crash_points import CrashPoint
from holdfast.torture.world.exchange import Taken
from holdfast.torture.world.faults import FAULTS, PEOPLE, Chance, Options, Probes
from holdfast.torture.world.loop import OWNER, Killed, Process
from holdfast.torture.world.market import SYMBOLS
from holdfast.torture.world.wire import TIMEOUT_S
from holdfast.torture.world.world import Life, World

FAULTS_S = 20.0
"""How long faults strike."""
DICE_EVERY_S = 0.25
STALE_S = (0.3, 1.5)
"""How long a book is behind."""

ROWS: dict[CrashPoint, tuple[str, ...]] = {
    CrashPoint.BEFORE_APPEND: ("K1",),
    CrashPoint.IN_COMMIT: ("K9",),
    CrashPoint.COMMITTED: ("K6", "K9"),
    CrashPoint.RELEASED: ("K3",),
    CrashPoint.SENDING: ("K3",),
    CrashPoint.ANSWERED: ("K5",),
    CrashPoint.FILL_RECEIVED: ("K7",),
    CrashPoint.FILL_DURABLE: ("K8",),
    CrashPoint.CANCEL_SENDING: ("K10",),
    CrashPoint.CANCEL_ANSWERED: ("K10",),
    CrashPoint.IN_SNAPSHOT: ("K12",),
    CrashPoint.RECOVERING: ("K13",),
    CrashPoint.RECONCILING: ("K13",),
    CrashPoint.STOPPING: ("K14",),
}
"""Which rows of the fault matrix a kill at a point is of."""
IN_RECOVERY = (CrashPoint.RECOVERING, CrashPoint.RECONCILING)
WHILE_TRADING = tuple(
    point for point in ROWS if point not in (*IN_RECOVERY, CrashPoint.STOPPING, CrashPoint.IN_SNAPSHOT)
)


class Director:
    """Everything of one seed that is not a single message's fate."""

    def __init__(self, options: Options, chance: Chance, probes: Probes) -> None:
        self._rates = options.rates
        self._chance = chance
        self._probes = probes
        self._random = Random(f"director {options.seed}")
        self._breaking = Random(f"director's breaking {options.seed}")
        self._book = Random(f"director's book {options.seed}")
        self._people = Random(f"director's people {options.seed}")
        self._steering = Random(f"director's steering {options.seed}")
        self._planned: CrashPoint | None = None
        self._passed = 0
        self._outsiders = 0
        self._standing_by: asyncio.Task[None] | None = None
        self._world: World

    def join(self, world: World) -> None:
        """Be shown the world, before it begins."""
        self._world = world

    async def __call__(self, world: World) -> None:
        """Let faults strike for a while."""
        crash_points.arm(self._on_point)
        dice = asyncio.create_task(self._dice())
        await asyncio.sleep(FAULTS_S)
        dice.cancel()
        if self._standing_by is not None:
            self._standing_by.cancel()
        self._chance.is_over = True
        self._planned = None
        world.exchange.lag_ns = 0
        world.exchange.be_fresh()
        world.network.is_down = False
        for order in [order for order in world.exchange.orders.values() if order.is_external and order.is_working]:
            world.exchange.cancel(order.id)
        world.thaw()

    # --- kills --------------------------------------------------------------------------------------------------------

    def on_life(self, life: Life) -> None:
        """A process has started: plan where it dies, if it does."""
        if self._chance.is_over:
            return
        if life.epoch > 1 and any(order.is_live for order in self._world.disk.orders.values()):
            self._probes["L8"] += 1
        self._planned, random, rates = None, self._random, self._rates
        if random.random() < rates.kill_in_recovery * 3:
            self._planned, self._passed = random.choice(IN_RECOVERY), random.randint(1, 3)
        elif random.random() < rates.kill_at_point * 8:
            self._planned, self._passed = random.choice(WHILE_TRADING), random.randint(1, 6)
        life.process.on_killed.append(lambda: self._on_killed(life))

    def _on_point(self, point: CrashPoint) -> None:
        owner = OWNER.get()
        if owner is None or owner.is_dead or point is not self._planned:
            return
        self._passed -= 1
        if self._passed > 0:
            return
        self._planned = None
        for row in ROWS[point]:
            self._probes[row] += 1
        self._world.trace.add(f"{owner.name} is killed at {point}")
        self._kill_now(owner)
        raise Killed

    def _kill_now(self, process: Process) -> None:
        power = self._random.random() < self._rates.power_cut * 3
        self._chance.keeps_commits = not power
        self._probes["D4"] += power
        process.kill()

    def _on_killed(self, life: Life) -> None:
        """What was cut through."""
        if not self._chance.is_over:
            self._probes["K4"] += bool(life.wire.under_way["POST"])
            self._probes["K10"] += bool(life.wire.under_way["DELETE"])

    # --- dice ---------------------------------------------------------------------------------------------------------

    async def _dice(self) -> None:
        while True:
            await asyncio.sleep(DICE_EVERY_S)
            for name in ("kill", "stop", "freeze", "suspend", "outage", "broker_restart", "broker_loses", "bust", "lag",
                         "feed_cut", "stream_cut", "foreign", "command"):  # fmt: skip
                if self._random.random() < getattr(self._rates, name) * DICE_EVERY_S:
                    getattr(self, f"_{name}")()
            self._break()
            self._be_stale()
            self._meddle()
            self._steer()

    def _break(self) -> None:
        """A stream, or the feed, raises something that nobody expects."""
        random, rates, life = self._breaking, self._rates, self._world.life
        if random.random() < rates.stream_breaks * DICE_EVERY_S:
            for connection in self._world.network.connections:
                self._probes["X4"] += 1
                connection.corrupt(random.choice(FAULTS)())
        if random.random() < rates.feed_breaks * DICE_EVERY_S and life is not None:
            self._probes["X5"] += 1
            life.process.later(0, life.feed.corrupt, random.choice(FAULTS)())

    def _kill(self) -> None:
        """Not now: some turns of the loop later, wherever that is."""
        loop = self._world.loop
        at = loop.steps + self._random.randint(1, 30)

        def strike(steps: int) -> None:
            if steps >= at:
                loop.on_step = None
                if self._world.life is not None and not self._chance.is_over:
                    self._world.trace.add(f"{self._world.life.process.name} is killed")
                    self._probes["kill"] += 1
                    self._kill_now(self._world.life.process)

        loop.on_step = strike

    def _stop(self) -> None:
        life = self._world.life
        if life is not None:
            self._probes["K14"] += 1
            life.process.later(0, life.loop.stop, "asked to")
            if self._random.random() < 0.5:
                self._planned, self._passed = self._random.choice((CrashPoint.STOPPING, CrashPoint.IN_SNAPSHOT)), 1

    def _freeze(self, *, suspend: bool = False) -> None:
        """SIGSTOP, and SIGCONT a while later; or the whole host sleeps."""
        life = self._world.life
        if life is None or life.process.is_frozen:
            return
        seconds = self._random.uniform(0.5, 12.0)
        self._probes["C2" if suspend else "freeze"] += 1
        self._world.trace.add(f"{life.process.name} is frozen", f"{seconds:.1f} s")
        life.process.freeze()
        self._world.loop.call_later(seconds, life.process.thaw)
        if self._random.random() < self._rates.takeover * 3 and not self._standing_by:
            self._standing_by = self._world.loop.create_task(self._stand_by())

    async def _stand_by(self) -> None:
        epoch = self._world.disk.epoch
        await self._world.stand_by()
        self._standing_by = None
        self._probes["L1"] += self._world.disk.epoch == epoch + 1

    def _suspend(self) -> None:
        self._freeze(suspend=True)

    # --- the broker ---------------------------------------------------------------------------------------------------

    def _outage(self) -> None:
        network = self._world.network
        network.is_down = True
        network.cut("the network is down")
        self._world.trace.add("the network is down")
        self._probes["B5"] += 1

        def end() -> None:
            network.is_down = False

        self._world.loop.call_later(self._random.uniform(1.0, 3 * TIMEOUT_S), end)

    def _broker_restart(self) -> None:
        self._probes["B1"] += 1
        self._world.trace.add("the broker restarts")
        self._world.network.cut("the broker restarts")

    def _broker_loses(self) -> None:
        """It restarts and has forgotten an order that had not filled."""
        exchange = self._world.exchange
        found = [order for order in exchange.orders.values() if exchange.can_be_lost(order)]
        if found:
            self._probes["B2"] += 1
            order = self._random.choice(found)
            self._world.trace.add("the broker loses", order.client_id)
            exchange.forget(order)
            self._world.network.cut("the broker restarts")

    def _bust(self) -> None:
        exchange = self._world.exchange
        over = [fill for fill in exchange.fills if not exchange.orders[fill.order].is_working]
        if over:
            self._probes["S7"] += 1
            exchange.bust(self._random.choice(over))

    def _lag(self) -> None:
        """From now on questions show an order later than its answer told of it."""
        self._world.exchange.lag_ns = self._random.choice((0, 300_000_000, 1_500_000_000))

    def _be_stale(self) -> None:
        """The book shows for a while what it showed when that began."""
        rate = self._rates.stale_book
        if rate and self._book.random() < rate * DICE_EVERY_S:
            seconds = self._book.uniform(*STALE_S)
            self._probes["stale book"] += 1
            self._world.trace.add("the book is stale", f"for {seconds:.1f} s")
            self._world.exchange.be_stale(seconds)

    def _feed_cut(self) -> None:
        if self._world.life is not None:
            self._world.life.process.later(0, self._world.life.feed.cut)

    def _stream_cut(self) -> None:
        self._probes["S9"] += 1
        self._world.network.cut("the connection was lost")

    def _foreign(self) -> None:
        """Somebody trades the same account by other means."""
        exchange, random = self._world.exchange, self._random
        if not self._world.disk.rows:
            return  # what was there before the account was first taken is part of what it holds
        self._outsiders += 1
        self._probes["S6"] += 1
        symbol, side = random.choice(SYMBOLS), random.choice((Side.BUY, Side.SELL))
        key, quantity = ClientOrderId(f"manual-{self._outsiders}"), Quantity(Decimal(random.randint(1, 9)))
        limit = Price(exchange.prices[symbol] - side.sign * Decimal(random.randint(0, 2)))
        kind = random.choice((OrderType.MARKET, OrderType.LIMIT))
        price = limit if kind is OrderType.LIMIT else None
        exchange.submit(
            OrderTerms(key, StrategyId("manual"), symbol, side, quantity, kind, limit_price=price), is_external=True
        )

    # --- people -------------------------------------------------------------------------------------------------------

    def _command(self) -> None:
        body = self._random.choice((Halt(), Resume(), Resume(), CancelOrders(), CancelOrders(), Flatten(), Resume()))
        self._world.trace.add("a person asks for", body)
        self._world.ask(body)

    def _meddle(self) -> None:
        """What people do beside, each by chances of its own: older seeds are the worlds that they were."""
        for name in PEOPLE:
            rate = getattr(self._rates, name)
            if rate and self._people.random() < rate * DICE_EVERY_S:
                getattr(self, f"_{name}")()

    def _steer(self) -> None:
        """A person switches a strategy off or on, or gives it other parameters."""
        random, rate = self._steering, self._rates.steer
        if not rate or random.random() >= rate * DICE_EVERY_S:
            return
        name = StrategyId(random.choice(("restless", "restless", "aiming")))
        given = json.dumps({"activity": random.choice((0.1, 0.5, 0.9)), "raises": False}) if name == "restless" else ""
        asks = (
            StopStrategy(name),
            StartStrategy(name),
            StartStrategy(name),
            SetParameters(name, given),
            SetParameters(name, ""),
        )
        self._world.ask(random.choice(asks))

    def _preserve(self) -> None:
        self._world.ask(self._people.choice((Preserve(), Resume())))

    def _protect(self) -> None:
        symbol = self._people.choice(SYMBOLS)
        stop = Price(self._world.exchange.prices[symbol] - Decimal(self._people.randint(1, 5)) / 10)
        self._world.ask(Protect(symbol, stop, StrategyId(self._people.choice(("restless", "aiming")))))

    def _rests(self) -> None:
        """Somebody's limit that is far from the market rests at the broker for some seconds: nothing may trade against it there."""
        exchange, random = self._world.exchange, self._people
        if not self._world.disk.rows:
            return
        self._outsiders += 1
        symbol, side = random.choice(SYMBOLS), random.choice((Side.BUY, Side.SELL))
        limit = Price(exchange.prices[symbol] - side.sign * Decimal(random.randint(3, 8)))
        key, quantity = ClientOrderId(f"resting-{self._outsiders}"), Quantity(Decimal(random.randint(1, 9)))
        terms = OrderTerms(key, StrategyId("manual"), symbol, side, quantity, OrderType.LIMIT, limit_price=limit)
        taken = exchange.submit(terms, is_external=True)
        if isinstance(taken, Taken):
            self._probes["S6"] += 1
            self._world.loop.call_later(random.uniform(1.0, 8.0), exchange.cancel, taken.order)

    def _moved(self) -> None:
        """Shares come or go at the broker without a trade, once: what differs has to stay for a while to be known."""
        symbol, quantity = self._people.choice(SYMBOLS), Decimal(self._people.choice((-8, -4, 3)))
        if self._world.disk.rows and not self._world.exchange.moves:
            self._world.trace.add(f"{quantity} {symbol} are moved")
            self._world.exchange.move(symbol, quantity)
