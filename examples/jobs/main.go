// Jobs runs jobs on all members of a queue at once, as schedulers on Serf do, Dkron for one: the
// leader asks them by a query, and they answer what the job printed. It uses no more than the API of
// github.com/hashicorp/serf/serf: with that in place of the last import it is the same program.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	"serf/compat/serf"
)

// jobs are what members can do, each by its name.
var jobs = map[string]func() string{"pid": func() string { return strconv.Itoa(os.Getpid()) }}

// Node is a member: a worker, and a server if it has that tag.
type Node struct{ *serf.Serf }

// Start makes a member of conf, and joins others.
func Start(conf *serf.Config, seeds ...string) (*Node, error) {
	events := make(chan serf.Event, 2048)
	conf.EventCh = events
	s, err := serf.Create(conf)
	if err != nil {
		return nil, err
	}
	n := &Node{s}
	go n.loop(events)
	_, err = n.Join(seeds, true)
	return n, err
}

// loop takes the events until the node is shut down.
func (n *Node) loop(events <-chan serf.Event) {
	for {
		select {
		case e := <-events:
			if q, ok := e.(*serf.Query); ok {
				go answer(q) // a job may take long
			} else {
				log.Printf("%v: %d members, the leader is %q", e, n.NumNodes(), n.Leader())
			}
		case <-n.ShutdownCh():
			return
		}
	}
}

// answer does a job.
func answer(q *serf.Query) {
	do, ok := jobs[string(q.Payload)]
	if !ok {
		do = func() string { return "no such job" }
	}
	if err := q.Respond([]byte(do())); err != nil {
		log.Printf("job %q, asked by %s: %v", q.Payload, q.SourceNode(), err)
	}
}

// Leader is the name of the living server with the least name; empty if there is none.
func (n *Node) Leader() (name string) {
	for _, m := range n.Members() {
		if m.Status == serf.StatusAlive && m.Tags["server"] == "true" && (name == "" || m.Name < name) {
			name = m.Name
		}
	}
	return name
}

// Run has the members of a queue do a job, and returns what each printed, or that it has no answer.
func (n *Node) Run(job, queue string, timeout time.Duration) (map[string]string, error) {
	if self, leader := n.LocalMember().Name, n.Leader(); leader != self {
		return nil, fmt.Errorf("%s doesn't lead, %q does", self, leader)
	}
	printed, silent := make(map[string]string), 0
	for _, m := range n.Members() {
		if m.Status == serf.StatusAlive && m.Tags["queue"] == queue {
			printed[m.Name], silent = "no answer", silent+1
		}
	}
	param := &serf.QueryParam{FilterTags: map[string]string{"queue": "^" + queue + "$"}, Timeout: timeout}
	asked, err := n.Query("run", []byte(job), param)
	if err != nil {
		return nil, err
	}
	defer asked.Close()
	for ; silent > 0; silent-- {
		if r, open := <-asked.ResponseCh(); open { // else the time is over
			printed[r.From] = string(r.Payload)
		}
	}
	return printed, nil
}

func main() {
	conf := serf.DefaultConfig()
	flag.StringVar(&conf.NodeName, "name", conf.NodeName, "`name` of this member")
	flag.StringVar(&conf.MemberlistConfig.BindAddr, "bind", "127.0.0.1", "`address` to listen on")
	server := flag.Bool("server", false, "be a server")
	queue := flag.String("queue", "all", "`name` of the queue whose jobs this member does")
	flag.Parse() // arguments are members to join
	conf.Tags = map[string]string{"queue": *queue, "server": strconv.FormatBool(*server)}
	n, err := Start(conf, flag.Args()...)
	if err != nil {
		log.Fatal(err)
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); { // QUEUE JOB; the end is this member's
		queue, job, _ := strings.Cut(lines.Text(), " ")
		fmt.Println(n.Run(job, queue, 5*time.Second))
	}
	n.Leave()
	n.Shutdown()
}
