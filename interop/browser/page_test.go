package browser

import (
	"context"
	"fmt"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"serf/agent"
	agenthttp "serf/agent/http"
	"serf/wire"
)

// memberFailed lets events of failed members through.
func memberFailed(e agent.Event) bool { return e.String() == agent.MemberFailed }

// An agent is killed. As soon as the agent whose page is open has noticed, the page shows it, names
// it on top, and tells how the agent came to its opinion.
func TestPageShowsAFailure(t *testing.T) {
	t.Parallel()
	all := trio(t)
	b := openTab(t, serve(t, all[0], agenthttp.Options{}), 1280)
	b.untilText("#findings", "All 3 members are alive")
	failures := all[0].Subscribe(16, memberFailed)
	defer failures.Close()
	all[2].Close() // without leaving
	await(t, failures, "web-3")
	known := time.Now()
	b.until("the row of web-3 shows that it failed", `[...document.querySelectorAll(".rows .row")]
		.some(r => r.innerText.includes("web-3") && r.querySelector(".status.is-failed"))`)
	took := time.Since(known)
	t.Logf("the page shows it %v after the agent knows it", took.Round(time.Millisecond))
	if took > 2*time.Second {
		t.Errorf("%v is more than 2 s", took)
	}
	b.untilText("#findings", "web-3 has failed")
	b.untilText("#timeline", "web-3 failed")
	b.click(`#findings a[href="#member=web-3"]`)
	b.untilText("#member .story", "suspect → failed")
	b.untilText("#member .story", "alive → suspect")
	b.picture("failure")
	b.click("#member-joint")
	b.untilText("#member", "2 agents answered, not web-3")
	b.untilText("#member .story", "suspect → failed as web-")
	b.untilText("#member .story", "seen ")
	b.picture("failure-all")
	b.click("#member-joint")
	b.until("this agent's own account again", `document.querySelector("#member .story") &&
		!document.querySelector("#member .story").innerText.includes("saw it")`)
}

// Whatever strangers call themselves is text, and is seen.
func TestPageShowsNamesOfStrangers(t *testing.T) {
	t.Parallel()
	const hostile = `<img src=x onerror="window.hit=1">`
	strangers := []stranger{
		{name: hostile, tags: []wire.Tag{{Key: "<b>dc", Value: `"><script>window.hit=2</script>`}}},
		{name: strings.Repeat("x", 128)},
		{name: "\u202egnp.exe"},
		{name: "nul\x00byte"},
		{name: "مضيف-١"},
		{name: "a/b?c=d#e%2f"},
		{name: "javascript:window.hit=3"},
	}
	a := begin(t, "web-1", nil)
	announce(t, a, strangers)
	known := len(a.Members())
	b := openTab(t, serve(t, a, agenthttp.Options{}), 1280)
	b.untilText("#members h2 + .note", fmt.Sprint(known))
	for _, s := range strangers {
		if _, ok := a.Member(s.name); !ok {
			t.Logf("the agent doesn't take a member called %q", s.name)
			continue
		}
		shown := strings.NewReplacer("\x00", `\u{0}`, "\u202e", `\u{202e}`).Replace(s.name)
		b.until("the table shows "+shown, fmt.Sprintf(
			`[...document.querySelectorAll(".rows a")].some(a => a.textContent === %q)`, shown))
		b.run(fmt.Sprintf(
			`[...document.querySelectorAll(".rows a")].find(a => a.textContent === %q).click()`, shown))
		b.untilText("#member h2", shown)
		b.untilText("#member .story", "alive")
	}
	if n := value[int](b, `document.querySelectorAll("main img, main script, main b b").length`); n != 0 {
		t.Errorf("%d elements come from names", n)
	}
	if value[bool](b, "window.hit !== undefined") {
		t.Error("a name was run as code")
	}
	b.picture("strangers")
}

// The agent goes away and comes back as another process. The page says so and recovers by itself.
func TestPageRecoversFromARestart(t *testing.T) {
	t.Parallel()
	handler := func(a *agent.Agent) *agenthttp.Handler {
		h, err := agenthttp.New(a, agenthttp.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	first := begin(t, "web-1", nil)
	g := gate{addr: "127.0.0.1:0"}
	g.open(t, handler(first))
	b := openTab(t, "http://"+g.addr+"/", 1280, "Failed to load resource: net::ERR_")
	b.untilText("#findings", "alone")
	g.stop()
	first.Close()
	b.untilText("#notices", "Not reachable since")
	b.picture("away")
	second := begin(t, "web-1", nil)
	announce(t, second, []stranger{{name: "web-2"}})
	g.open(t, handler(second))
	b.untilText("#notices", "restarted")
	b.untilText(".rows", "web-2")
	b.untilText("#timeline", "agent restarted")
	b.until("nothing says that the agent is away", `!document.querySelector("#notices .alert")`)
}

// An agent that is paused accepts connections, but doesn't answer. The page says so.
func TestPageSaysThatAnAgentIsPaused(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for a time-out of 5 s")
	}
	g := gate{addr: "127.0.0.1:0"}
	h, err := agenthttp.New(begin(t, "web-1", nil), agenthttp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g.open(t, h)
	b := openTab(t, "http://"+g.addr+"/", 1280, "Failed to load resource: net::ERR_")
	b.untilText("#findings", "alone")
	g.stop()
	mute, err := net.Listen("tcp", g.addr) // nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	b.untilText("#notices", "no answer within 5 s")
}

// Most accusations come from one member: the page names it first, with a link.
func TestPageNamesTheCulprit(t *testing.T) {
	t.Parallel()
	a := begin(t, "web-1", nil)
	announce(t, a, []stranger{{name: "web-2"}, {name: "web-3"}, {name: "web-4"}, {name: "m7"}})
	conn, err := net.Dial("udp", a.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, accused := range []string{"web-2", "web-3", "web-4"} {
		s := wire.Suspect{Inc: 1, Node: []byte(accused), From: []byte("m7")}
		if _, err := conn.Write(s.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	b := openTab(t, serve(t, a, agenthttp.Options{}), 1280)
	b.until("the first sentence names m7", `document.querySelector("#findings p")?.innerText
		.startsWith("3 of 3 accusations in the last hour came from m7")`)
	b.click("#findings p a")
	b.untilText("#member h2", "m7")
}

// The map shows members where their coordinates place them, whatever group they are in, and the
// matrix how far the groups are from each other.
func TestPageMapsLatencies(t *testing.T) {
	t.Parallel()
	a := begin(t, "amsterdam-0", func(c *agent.Config) {
		c.Timing.ProbeInterval, c.Timing.ProbeTimeout = 60*time.Millisecond, 50*time.Millisecond
		c.Tags = map[string]string{"region": "amsterdam"}
	})
	regions := []struct {
		name string
		x, y float64 // milliseconds
	}{{"amsterdam", 0, 0}, {"virginia", 8, 1}, {"oregon", 14, 4}, {"sydney", 20, -12}, {"tokyo", 15, -10}}
	var members []stranger
	for i, r := range regions {
		for k := 1; k <= 5; k++ {
			x, y := r.x+0.3*float64(k%3), r.y+0.3*float64(k%2)
			s := stranger{name: fmt.Sprint(r.name, "-", k), tags: []wire.Tag{{Key: "region", Value: r.name}}}
			s.at = wire.Coordinate{Error: 0.1, Height: 2e-4 * float64(1+(i+k)%3)}
			s.at.Vec[3], s.at.Vec[6] = x/1000, y/1000
			s.late = time.Duration((math.Hypot(x, y) + 1) * float64(time.Millisecond))
			members = append(members, s)
		}
	}
	announce(t, a, members)
	b := openTab(t, serve(t, a, agenthttp.Options{}), 1280)
	b.run(fmt.Sprintf(`(async () => {
		while ((await (await fetch("v1/coordinates")).json()).coordinates.length <= %d) await new Promise(r => setTimeout(r, 50));
	})()`, len(members))) // until all have been probed
	b.do(chromedp.Reload())
	b.untilText("#map", "26 members that this agent has probed")
	b.untilText("#map .legend", "sydney 5")
	cells := value[[]string](b, `[...document.querySelectorAll(".heat tbody tr")].find(r => r.innerText.startsWith("sydney"))
		.innerText.split(/\s*\t\s*/)`)
	if want := []string{"sydney 5", "24 ms", "17 ms", "1 ms", "6 ms", "18 ms"}; len(cells) != len(want) || !near(cells, want) {
		t.Errorf("round trips of sydney: %q, want about %q", cells, want)
	}
	b.run(`document.querySelector("canvas").focus()`)
	for range 12 {
		b.do(chromedp.KeyEvent(kb.ArrowRight))
	}
	for _, text := range []string{"round trip, measured", "by coordinates", "by this map", "height", "adjustment"} {
		b.untilText("#map .tip", text)
	}
	b.picture("map")
}

// near compares milliseconds, to a quarter.
func near(got, want []string) bool {
	for i := range got {
		var a, b float64
		fmt.Sscan(got[i], &a)
		fmt.Sscan(want[i], &b)
		if math.Abs(a-b) > 0.25*b+0.5 {
			return false
		}
	}
	return true
}

// A page of 10,000 members has its first rows soon, makes only rows that are in sight, and follows
// what happens.
func TestPageOfTenThousandMembers(t *testing.T) {
	t.Parallel()
	const members = 10_000
	a := begin(t, "web-00000", func(c *agent.Config) {
		c.Timing.ProbeInterval, c.Timing.PushPullInterval = time.Hour, 0
		c.Timing.StreamTimeout = 10 * time.Second
	})
	var crowd []stranger
	for i := 1; i < members; i++ {
		crowd = append(crowd, stranger{name: fmt.Sprintf("web-%05d", i), tags: []wire.Tag{
			{Key: "dc", Value: fmt.Sprint("dc", i%5)}, {Key: "role", Value: "web"}}})
	}
	announce(t, a, crowd)
	b := openTab(t, serve(t, a, agenthttp.Options{}), 1280)
	b.until("there are rows", `performance.getEntriesByName("rows").length > 0`)
	b.untilText("#members h2 + .note", "10,000")
	t.Logf("first rows after %.0f ms", value[float64](b, `performance.getEntriesByName("rows")[0].startTime`))
	if n := value[int](b, `document.querySelectorAll(".rows .row").length`); n == 0 || n > 60 {
		t.Errorf("%d rows are made, want those in sight", n)
	}
	before := b.worked()
	frames := value[[]float64](b, scrollThrough)
	t.Logf("scrolled through in %.0f frames, for each of which scripts, styles and layout took %v; "+
		"99 %% of frames were %.0f ms apart at most", frames[0],
		((b.worked() - before) / time.Duration(frames[0])).Round(10*time.Microsecond), frames[1])
	b.untilText(".rows", "web-09999")
	b.write("#filter", "web-0777")
	b.untilText("#members h2 + .note", "10 of 10,000")
	b.picture("crowd")
}

// scrollThrough scrolls the table from its first row to its last, and returns how many frames that
// took, and the 99th percentile of the times between them.
const scrollThrough = `new Promise(resolve => {
	const rows = document.querySelector(".rows"), times = [];
	let last = performance.now();
	const step = now => {
		times.push(now - last);
		last = now;
		rows.scrollTop += 6000;
		if (rows.scrollTop + rows.clientHeight < rows.scrollHeight - 1) return requestAnimationFrame(step);
		times.sort((a, b) => a - b);
		resolve([times.length, times[Math.floor(times.length * 0.99)]]);
	};
	requestAnimationFrame(step);
})`

// Each control is reached by the tab key, and shows that it is.
func TestPageIsReachedByKeyboard(t *testing.T) {
	t.Parallel()
	all := trio(t)
	b := openTab(t, serve(t, all[0], agenthttp.Options{Write: true})+"#member=web-2", 1280)
	b.untilText("#member .story", "alive")
	b.untilText("#findings", "All 3 members")
	b.until("the map is there", `!document.querySelector("#map").hidden`)
	b.run(`window.reached = new Set(); window.unseen = [];
		document.addEventListener("focusin", e => {
			reached.add(e.target);
			const s = getComputedStyle(e.target);
			if (s.outlineStyle === "none" || parseFloat(s.outlineWidth) < 2) unseen.push(e.target.outerHTML);
		})`)
	controls := value[int](b, controlsCount)
	for range controls + 5 {
		b.do(chromedp.KeyEvent(kb.Tab))
	}
	for _, missed := range value[[]string](b, controlsMissed) {
		t.Errorf("not reached: %s", missed)
	}
	for _, e := range value[[]string](b, "unseen") {
		t.Errorf("focused, but nobody sees it: %s", e)
	}
	// The rows are one stop, from which the arrow keys lead on.
	b.run(`document.querySelector(".rows").focus()`)
	b.do(chromedp.KeyEvent(kb.ArrowDown + kb.ArrowDown))
	if got := value[string](b, "document.activeElement.textContent"); got != "web-2" {
		t.Errorf("two arrow keys lead to %q, want web-2", got)
	}
}

const (
	controls = `[...document.querySelectorAll("a[href], button, input, select, summary, canvas, [tabindex='0']")]
		.filter(e => e.checkVisibility() && !e.disabled && e.tabIndex >= 0 && !e.closest(".rows .row"))`
	controlsCount  = controls + `.length`
	controlsMissed = controls + `.filter(e => !reached.has(e)).map(e => e.outerHTML.slice(0, 120))`
)

// The page asks for the token that its agent wants, keeps it in the tab, and fires and asks by it.
func TestPageWritesWithAToken(t *testing.T) {
	t.Parallel()
	all := trio(t)
	answering := all[1].Subscribe(16, func(e agent.Event) bool { _, ok := e.(agent.QueryEvent); return ok })
	defer answering.Close()
	go func() {
		for e := range answering.C {
			all[1].Respond(context.Background(), e.(agent.QueryEvent).ID, []byte("v<2>"))
		}
	}()
	events := all[2].Subscribe(16, func(e agent.Event) bool { _, ok := e.(agent.UserEvent); return ok })
	defer events.Close()

	url := serve(t, all[0], agenthttp.Options{Token: "open sesame", Write: true})
	b := openTab(t, url, 1280, "401")
	b.untilText("#notices", "asks for a token")
	b.write("#token-form input", "пароль") // which can't be in a header
	b.click("#token-form button")
	b.until("the form keeps it", `document.querySelector("#token-form input").matches(":invalid")`)
	b.run(`document.querySelector("#token-form input").value = ""`)
	b.write("#token-form input", "wrong")
	b.click("#token-form button")
	b.untilText("#notices", "doesn't accept this token")
	b.run(`document.querySelector("#token-form input").focus()`)
	b.run(`import("/page/state.js").then((s) => new Promise((rendered) => {
		s.on(["link"], rendered);
		s.changed("link");
	}))`)
	b.until("the focus stays where one types", `document.activeElement.name === "token"`)
	b.write("#token-form input", "open sesame")
	b.click("#token-form button")
	b.untilText("#findings", "All 3 members are alive")
	b.until("the token is in the tab only", `localStorage.length === 0 && document.cookie === ""`)

	b.write(`#write form:first-child [name=name]`, "deploy")
	b.write(`#write form:first-child [name=payload]`, "v2")
	b.click(`#write form:first-child button`)
	select {
	case e := <-events.C:
		if e := e.(agent.UserEvent); e.Name != "deploy" || string(e.Payload) != "v2" {
			t.Errorf("fired %+v", e)
		}
	case <-time.After(patience):
		t.Fatal("no event arrived")
	}
	b.untilText("#timeline", "event deploy: v2")
	b.do(chromedp.SendKeys(`#write form:last-child [name=name]`, "version"),
		chromedp.Click(`#write form:last-child button`))
	b.untilText("#write", "web-2: v<2>")
	b.untilText("#write", "3 members received it, 1 responded")
	b.picture("write")
}

// On phones and on desks, light and dark, nothing is wider than the page, and what can be said by
// rules about contrast and names of controls is as it should be.
func TestPageIsReadable(t *testing.T) {
	t.Parallel()
	all := trio(t)
	failures := all[0].Subscribe(16, memberFailed)
	defer failures.Close()
	all[2].Close()
	await(t, failures, "web-3")
	url := serve(t, all[0], agenthttp.Options{Write: true}) + "#member=web-3"
	axe := axeCore(t)
	for _, width := range []int64{390, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			t.Run(fmt.Sprint(scheme, width), func(t *testing.T) {
				t.Parallel()
				b := blankTab(t, width)
				if scheme == "dark" {
					b.dark()
				}
				b.do(chromedp.Navigate(url))
				b.untilText("#member .story", "suspect → failed")
				b.untilText("#flaps", "Accusations by")
				b.until("the map is drawn", `document.querySelector("canvas").width > 300`)
				if wide := value[int](b, "document.documentElement.scrollWidth"); wide > int(width) {
					t.Errorf("the page is %d px wide, want %d", wide, width)
				}
				b.picture(fmt.Sprint(scheme, width))
				b.checkRules(axe)
			})
		}
	}
}
