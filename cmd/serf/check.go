package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"serf/agent/rpc"
)

const checkHelp = `
Usage: serf check [options]

  Judges the health of a cluster as one agent sees it, for monitoring systems: it prints one line,
  with figures after a bar, and its exit code is the verdict, as with plugins for Nagios. It warns
  if members failed, if agents disagree about who is alive, and if the agent's keys would be lost
  with a restart. It is critical if the agent doesn't answer.

      SERF WARNING: 1 failed (web-3); 2 alive, keys saved | alive=2;;1:;0 failed=1;0;;0 ...

  With -config-file or -config-dir it checks a configuration instead, as an agent with these
  options would at its start, on this host, and starts nothing. It prints all faults with file,
  line and column.

Options:

  -members=N
        Critical if fewer members are alive. Default: 1.

  -members-warning=N
        Warning if fewer members are alive.

  -max-failed=N
        Critical if more members failed. Default: any number is allowed.

  -max-failed-warning=N
        Warning if more members failed. Default: 0.

  -views=true
        Whether to ask all agents for their views. Where each host runs a check, it is enough if
        one of them does. Agents of HashiCorp's Serf can't ask.

  -format=text
        text or json.

  -config-file=FILE
        Check this configuration file. May be repeated, together with -config-dir; as for an agent,
        later ones win.

  -config-dir=DIR
        Check the files *.json of this folder.
`

// checkCodes end the help text.
const checkCodes = `
Exit codes:

  0  OK; the configuration is valid, though there may be warnings.
  1  Warning; the configuration has faults.
  2  Critical.
  3  Unknown: the command line is wrong, or the agent wants another RPC key.
`

// checkTimeout bounds a check. Monitoring systems give up after 10 s, and would not know why.
const checkTimeout = 8 * time.Second

// checkOptions are what a check goes by; a negative limit is none.
type checkOptions struct {
	members, membersWarning int
	failed, failedWarning   int
	views                   bool
}

func runCheck(ctx context.Context, args []string, e env) int {
	o := newOptions("check", checkHelp, e)
	o.rule.strict = true
	o.help += rpcHelp + checkCodes
	format := o.format()
	limits := checkOptions{members: 1, membersWarning: -1, failed: -1}
	o.countVar(&limits.members, "members")
	o.countVar(&limits.membersWarning, "members-warning")
	o.countVar(&limits.failed, "max-failed")
	o.countVar(&limits.failedWarning, "max-failed-warning")
	views := o.flag("views", true)
	var files []string // options of an agent, in their order
	for _, name := range []string{"config-file", "config-dir"} {
		o.set.Func(name, "", func(path string) error {
			files = append(files, "-"+name+"="+path)
			return nil
		})
	}
	to := o.connection()
	if _, code, ok := o.parse(args); !ok {
		return unknownUnless(code == exitOK)
	}
	if len(files) > 0 {
		return checkConfig(files, *format, e)
	}
	if err := to.check(); err != nil {
		o.misused("%v", err)
		return int(verdictUnknown)
	}
	limits.views = *views
	ctx, cancel := context.WithTimeoutCause(ctx, checkTimeout,
		fmt.Errorf("no answer within %v", checkTimeout))
	defer cancel()
	r := checkAgent(ctx, to, limits)
	if err := r.write(e.Stdout, *format); err != nil {
		return int(verdictUnknown)
	}
	return int(r.verdict())
}

// unknownUnless is the exit code of a command line that isn't carried out.
func unknownUnless(ok bool) int {
	if ok {
		return exitOK
	}
	return int(verdictUnknown)
}

// countVar is an option that is a number from 0 on.
func (o *options) countVar(n *int, name string) {
	o.set.Func(name, "", func(s string) error {
		v, err := strconv.ParseUint(s, 10, 31)
		if err != nil {
			return errors.New("want a number of members, 0 or more")
		}
		*n = int(v)
		return nil
	})
}

// checkAgent asks the agent and judges what it says.
func checkAgent(ctx context.Context, to *connection, limits checkOptions) *checkResult {
	r := new(checkResult)
	c, err := to.dial(ctx)
	if err != nil {
		r.addError("no agent", err)
		return r
	}
	defer c.Close()
	if err := r.askAgent(ctx, c, limits); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		r.addError("the agent doesn't answer", err)
	}
	return r
}

// addError adds that the agent can't be asked. A key that is wrong says nothing about the agent.
func (r *checkResult) addError(what string, err error) {
	v := verdictCritical
	for _, key := range []error{rpc.ErrAuthRequired, rpc.ErrInvalidToken, rpc.ErrNeedlessKey} {
		if errors.Is(err, key) {
			v, what = verdictUnknown, "the agent's RPC key"
		}
	}
	r.add("agent", v, what+": "+err.Error())
}

// askAgent adds what the agent says. An error means that it doesn't.
func (r *checkResult) askAgent(ctx context.Context, c *rpc.Client, limits checkOptions) error {
	stats, err := c.Stats(ctx)
	if err != nil {
		return err
	}
	members, err := c.Members(ctx)
	if err != nil {
		return err
	}
	r.Agent = stats["agent"]["name"]
	r.addMembers(members, limits)
	r.addKeys(stats)
	if health, err := strconv.Atoi(stats["serf"]["health_score"]); err == nil {
		r.figure("health", health, "", "")
	}
	if limits.views {
		return r.askViews(ctx, c)
	}
	return nil
}
