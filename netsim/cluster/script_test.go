package cluster

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"serf/netsim"
	"serf/swim"
	"serf/swim/serf"
)

// A script is a story of a few members, told in commands, with what is to be seen in between:
//
//	# m3 can't be reached by m1 alone: the others vouch for it.
//	nodes 3
//	cut 1 3
//	run 30s
//	members 1
//	----
//	m1 alive 10.0.0.1:7946
//	m2 alive 10.0.0.2:7946
//	m3 alive 10.0.0.3:7946
//
// What follows ---- up to an empty line is the output of the commands before it. Lines that start
// with # are for readers. The commands are those of scriptCommands.
type script struct {
	cfg     Config
	cluster *Cluster
	query   *Query
	log     []string // events since the last that were printed
	out     strings.Builder
}

// scriptCommand is one verb.
type scriptCommand struct {
	usage string
	run   func(s *script, args []string) error
}

var scriptCommands = map[string]scriptCommand{
	"profile":     {"profile NAME: timings, before nodes", (*script).profile},
	"seed":        {"seed N: of all random choices, before nodes", (*script).seed},
	"nodes":       {"nodes N [apart]: start members 1 to N; they join m1, now and after a restart, unless apart", (*script).nodes},
	"start":       {"start I...: start anew, where it was, and join m1", each((*Cluster).Start)},
	"move":        {"move I...: start anew at another address, and join m1", each((*Cluster).Move)},
	"crash":       {"crash I...", each((*Cluster).Crash)},
	"leave":       {"leave I...", each((*Cluster).Leave)},
	"pause":       {"pause I D: stop the process for that long", (*script).pause},
	"join":        {"join I J...: I joins through the others", (*script).join},
	"cut":         {"cut I J: both ways; cut I > J: one way", (*script).cut},
	"partition":   {"partition I,J,... K,...: groups; who isn't named is with the first", (*script).partition},
	"block":       {"block I in|out|both: UDP, streams work", (*script).block},
	"loss":        {"loss P: chance of losing a packet, 0 to 1", (*script).loss},
	"heal":        {"heal: all but loss, pauses and crashes", (*script).heal},
	"run":         {"run D: let time pass", (*script).run},
	"settle":      {"settle D: let time pass until all views are right, but D at most", (*script).settle},
	"members":     {"members I: what it lists", (*script).members},
	"events":      {"events: what users were told since the last time, sorted", (*script).events},
	"forget":      {"forget: what users were told so far", (*script).forget},
	"event":       {"event I NAME [PAYLOAD]: fire a user event", (*script).event},
	"tags":        {"tags I [K=V...]: set tags", (*script).tags},
	"force-leave": {"force-leave I J [prune]: I declares J as left", (*script).forceLeave},
	"query":       {"query I NAME: each member answers its name", (*script).ask},
	"answers":     {"answers: to the last query", (*script).answers},
	"broken":      {"broken: rules that were broken so far", (*script).broken},
}

// RunScript plays a script and returns it with the output that there was in place of the output
// that is written in it. An error names the line.
func RunScript(text string) (string, error) {
	s := &script{cfg: Config{Profile: profiles[0], Seed: 1, Check: true}}
	var result strings.Builder
	golden := false // within output, up to an empty line
	for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case golden:
			if line != "" {
				continue
			}
			golden = false
		case line == "----":
			golden = true
			result.WriteString(line + "\n" + s.out.String())
			s.out.Reset()
			continue
		case line != "" && line[0] != '#':
			if err := s.command(strings.Fields(line)); err != nil {
				return "", fmt.Errorf("line %d: %s: %w", i+1, line, err)
			}
		}
		result.WriteString(line + "\n")
	}
	if s.out.Len() > 0 {
		return "", fmt.Errorf("there is output after the last ----: %q", s.out.String())
	}
	return result.String(), nil
}

func (s *script) command(words []string) error {
	c, ok := scriptCommands[words[0]]
	if !ok {
		return fmt.Errorf("no such command")
	}
	if s.cluster == nil && !slices.Contains([]string{"profile", "seed", "nodes"}, words[0]) {
		return fmt.Errorf("there are no nodes yet")
	}
	if err := c.run(s, words[1:]); err != nil {
		return fmt.Errorf("%w (usage: %s)", err, c.usage)
	}
	return nil
}

// Event implements Observer: it writes down what users would be told.
func (s *script) Event(_ swim.Time, host int, e *swim.Event) {
	verb, ok := map[swim.EventKind]string{
		serf.EventMemberJoin: "member-join", serf.EventMemberFailed: "member-failed", serf.EventMemberLeave: "member-leave",
		serf.EventMemberUpdate: "member-update", serf.EventMemberReap: "member-reap",
	}[e.Kind]
	who := s.cluster.Name(host)
	switch {
	case ok:
		for _, id := range e.Members {
			if i, ok := s.cluster.Index(id); ok {
				s.log = append(s.log, fmt.Sprintf("%s: %s %s", who, verb, s.cluster.Name(i)))
			}
		}
	case e.Kind == serf.EventUserEvent:
		s.log = append(s.log, strings.TrimSpace(fmt.Sprintf("%s: event %s %s", who, e.Name, e.Data)))
	}
}

func (s *script) print(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

// each makes a command of something that is done to one member after the other.
func each(do func(*Cluster, int)) func(*script, []string) error {
	return func(s *script, args []string) error {
		members, err := s.indexes(args)
		if err != nil {
			return err
		}
		for _, i := range members {
			do(s.cluster, i)
		}
		return nil
	}
}

// index reads the number of a member, which counts from 1, as an index.
func (s *script) index(arg string) (int, error) {
	i, err := strconv.Atoi(arg)
	if err != nil || i < 1 || i > s.cluster.Len() {
		return 0, fmt.Errorf("member %q: allowed are 1 to %d", arg, s.cluster.Len())
	}
	return i - 1, nil
}

func (s *script) indexes(args []string) ([]int, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("which member?")
	}
	var out []int
	for _, a := range args {
		i, err := s.index(a)
		if err != nil {
			return nil, err
		}
		out = append(out, i)
	}
	return out, nil
}

// head reads a member, and wants between least and most words in all.
func (s *script) head(args []string, least, most int) (int, error) {
	if len(args) < least || len(args) > most {
		return 0, fmt.Errorf("%d words, want %d to %d", len(args), least, most)
	}
	return s.index(args[0])
}

func (s *script) profile(args []string) (err error) {
	s.cfg.Profile, err = ProfileByName(strings.Join(args, " "))
	return err
}

func (s *script) seed(args []string) (err error) {
	s.cfg.Seed, err = strconv.ParseUint(strings.Join(args, " "), 10, 64)
	return err
}

// scriptMembersMax is more than anybody follows in a story.
const scriptMembersMax = 50

func (s *script) nodes(args []string) error {
	if s.cluster != nil || len(args) == 0 {
		return fmt.Errorf("once, with a number")
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 1 || n > scriptMembersMax {
		return fmt.Errorf("%q: allowed are 1 to %d", args[0], scriptMembersMax)
	}
	s.cfg.Members, s.cfg.Link = n, s.cfg.Profile.Link
	s.cfg.Apart = len(args) > 1 && args[1] == "apart"
	if s.cluster, err = New(s.cfg); err != nil {
		return err
	}
	s.cluster.sim.Observe(s)
	s.cluster.Boot(0)
	s.cluster.Run(0) // they run when the next command is read
	return nil
}

func (s *script) pause(args []string) error {
	i, err := s.head(args, 2, 2)
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(args[1])
	if err == nil {
		s.cluster.Pause(i, d)
	}
	return err
}

func (s *script) join(args []string) error {
	members, err := s.indexes(args)
	if err == nil {
		s.cluster.Join(members[0], members[1:]...)
	}
	return err
}

func (s *script) cut(args []string) error {
	oneWay := len(args) == 3 && args[1] == ">"
	if oneWay {
		args = []string{args[0], args[2]}
	}
	members, err := s.indexes(args)
	if err != nil {
		return err
	}
	if len(members) != 2 {
		return fmt.Errorf("between which two?")
	}
	cut(s.cluster, members[0], members[1])
	if !oneWay {
		cut(s.cluster, members[1], members[0])
	}
	return nil
}

func (s *script) partition(args []string) error {
	var groups [][]int
	for _, a := range args {
		g, err := s.indexes(strings.Split(a, ","))
		if err != nil {
			return err
		}
		groups = append(groups, g)
	}
	if len(groups) < 2 {
		return fmt.Errorf("%d groups, want two or more", len(groups))
	}
	partition(s.cluster, groups...)
	return nil
}

func (s *script) block(args []string) error {
	i, err := s.head(args, 2, 2)
	if err != nil {
		return err
	}
	way := map[string]netsim.Way{"out": netsim.WayOut, "in": netsim.WayIn}[args[1]] // else both
	s.cluster.Impair([]int{i}, nil, way, netsim.Impairment{BlockUDP: true})
	return nil
}

func (s *script) loss(args []string) error {
	p, err := strconv.ParseFloat(strings.Join(args, " "), 64)
	if err != nil || !(p >= 0 && p <= 1) {
		return fmt.Errorf("want a number from 0 to 1")
	}
	s.cfg.Link.Loss = netsim.Probability(p)
	s.cluster.SetLink(s.cfg.Link)
	return nil
}

func (s *script) heal([]string) error {
	s.cluster.Heal()
	return nil
}

func (s *script) run(args []string) error {
	d, err := time.ParseDuration(strings.Join(args, " "))
	if err == nil {
		s.cluster.Run(d)
	}
	return err
}

func (s *script) settle(args []string) error {
	d, err := time.ParseDuration(strings.Join(args, " "))
	if err != nil {
		return err
	}
	// What happens at this instant may be what unsettles.
	s.cluster.Run(0)
	if s.cluster.RunUntilSettled(d) {
		s.print("all agree")
	} else {
		s.print("after %v %s", d, s.cluster.Disagreement())
	}
	return nil
}

func (s *script) members(args []string) error {
	i, err := s.head(args, 1, 1)
	if err != nil {
		return err
	}
	n := s.cluster.Node(i)
	if n == nil {
		s.print("%s is down", s.cluster.Name(i))
		return nil
	}
	for _, m := range n.Members(nil) {
		s.print("%s", strings.TrimSpace(fmt.Sprintf("%s %v %v %s", m.Name, m.Status, m.Addr, tagText(m.Tags))))
	}
	return nil
}

func (s *script) events([]string) error {
	slices.Sort(s.log)
	for _, line := range s.log {
		s.print("%s", line)
	}
	s.log = s.log[:0]
	return nil
}

func (s *script) forget([]string) error {
	s.log = s.log[:0]
	return nil
}

func (s *script) event(args []string) error {
	i, err := s.head(args, 2, 3)
	if err != nil {
		return err
	}
	return s.cluster.UserEvent(i, args[1], []byte(strings.Join(args[2:], " ")))
}

func (s *script) tags(args []string) error {
	i, err := s.head(args, 1, 20)
	if err != nil {
		return err
	}
	tags := make(map[string]string)
	for _, a := range args[1:] {
		k, v, ok := strings.Cut(a, "=")
		if !ok {
			return fmt.Errorf("%q has no =", a)
		}
		tags[k] = v
	}
	return s.cluster.SetTags(i, tags)
}

func (s *script) forceLeave(args []string) error {
	i, err := s.head(args, 2, 3)
	if err != nil {
		return err
	}
	j, err := s.index(args[1])
	if err != nil {
		return err
	}
	return s.cluster.ForceLeave(i, s.cluster.Name(j), len(args) == 3)
}

func (s *script) ask(args []string) error {
	i, err := s.head(args, 2, 2)
	if err != nil {
		return err
	}
	s.query, err = s.cluster.Query(i, serf.QueryParams{Name: args[1], WantAck: true})
	return err
}

func (s *script) answers([]string) error {
	if s.query == nil {
		return fmt.Errorf("no query was sent")
	}
	s.print("acks: %s", strings.Join(s.query.Acks, " "))
	for _, a := range s.query.Answers {
		s.print("%s", a)
	}
	s.print("done: %v", s.query.Done)
	return nil
}

func (s *script) broken([]string) error {
	for _, v := range s.cluster.Violations() {
		s.print("%v", v)
	}
	if len(s.cluster.Violations()) == 0 {
		s.print("none")
	}
	return nil
}
