package main

import (
	"encoding/json"
	"errors"
	"flag"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds what a script waits for; nothing comes near it.
const patience = 5 * time.Minute

// together is how many scripts run at once: they wait for the program's loops, so
// that the number of cores says nothing about that.
const together = "6"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", together); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){
		"refundry": func() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs the program as a person would: each file of testdata/script
// is a session at a terminal with its files.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			example, err := filepath.Abs("../../docs/examples/charges.csv")
			env.Setenv("EXAMPLE", example)
			env.Setenv("BOOK", filepath.Join(env.WorkDir, "book.csv"))
			return errors.Join(err, os.WriteFile(env.Getenv("BOOK"), []byte("PK\x03\x04"), 0o600))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":      exits,
			"freeport":   freeport,
			"keep":       keep,
			"ready":      ready,
			"fetched":    fetched,
			"eventually": eventually,
			"hangup":     hangup,
			"accounts":   accounts,
			"uploads":    uploads,
			"secrets":    secrets,
			"unsaid":     unsaid,
		},
	})
}

// exits STATUS COMMAND...: the command's exit status is that.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	status := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		status = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if status != want {
		ts.Fatalf("the exit status is %d, not %d", status, want)
	}
}

// accounts FLAGS...: puts the id of the only channel account into ACCOUNT.
func accounts(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: accounts FLAGS...")
	}
	ts.Check(ts.Exec("refundry", append([]string{"account", "list", "--json"}, args...)...))
	id := regexp.MustCompile(`"id": "([^"]+)"`).FindStringSubmatch(ts.ReadFile("stdout"))
	if id == nil {
		ts.Fatalf("there is no account")
	}
	ts.Setenv("ACCOUNT", id[1])
}

// uploads ADDRESS FILE: has the demo key upload a file of refunds there, and puts the
// job's id into BULK.
func uploads(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: uploads ADDRESS FILE")
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+args[0]+"/refundry/v1/bulk?name="+args[1], strings.NewReader(ts.ReadFile(args[1])))
	ts.Check(err)
	request.Header.Set("Authorization", "Bearer rk_test_demo")
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	text, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	ts.Check(err)
	id := regexp.MustCompile(`"id":"([^"]+)"`).FindSubmatch(text)
	if id == nil {
		ts.Fatalf("answered %s", text)
	}
	ts.Setenv("BULK", string(id[1]))
}

// hangup: sends SIGHUP to what runs in the background.
func hangup(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: hangup")
	}
	for _, process := range ts.BackgroundCmds() {
		ts.Check(process.Process.Signal(syscall.SIGHUP))
	}
}

// publicNames are the members of demo.json that are no secrets.
var publicNames = []string{
	"app", "wallet_id", "merchant_id", "mchid", "sp_mchid", "sub_mchid", "merchant_public_key", "platform_public_key",
	"merchant_serial", "platform_serial", "platform_public_key_id", "account", "user", "second_user",
}

// secrets NAME DIR: puts the secrets of the demo.json below a folder into a variable.
func secrets(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: secrets NAME DIR")
	}
	var found []string
	ts.Check(filepath.WalkDir(args[1], func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "demo.json" {
			return err
		}
		text, err := os.ReadFile(path)
		var parts map[string]map[string]string
		if err == nil {
			err = json.Unmarshal(text, &parts)
		}
		for _, values := range parts {
			for name, value := range values {
				// Of a PEM text one line is enough; in a log there are no line ends.
				lines := strings.Fields(value)
				if len(lines) > 0 && !slices.Contains(publicNames, name) {
					found = append(found, slices.MaxFunc(lines, func(a, b string) int { return len(a) - len(b) }))
				}
			}
		}
		return err
	}))
	if len(found) < 8 {
		ts.Fatalf("there are only %d secrets", len(found))
	}
	ts.Setenv(args[0], strings.Join(found, "\n"))
}

// unsaid NAME: none of the texts in a variable stands in what the last command wrote
// to stderr.
func unsaid(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: unsaid NAME")
	}
	said := ts.ReadFile("stderr")
	for line := range strings.Lines(said) {
		for text := range strings.SplitSeq(ts.Getenv(args[0]), "\n") {
			if strings.Contains(line, text) {
				ts.Fatalf("%q stands in %s", text, line)
			}
		}
	}
	if !strings.Contains(said, "request") {
		ts.Fatalf("stderr has no log")
	}
}

// freeport NAME: puts a free address of this machine into a variable.
func freeport(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport NAME")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], listener.Addr().String())
	ts.Check(listener.Close())
}

// keep NAME REGEXP: puts what the first match of stdout has in its group into a
// variable.
func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keep NAME REGEXP")
	}
	found := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("stdout has no %s", args[1])
	}
	ts.Setenv(args[0], found[1])
}

// ready ADDRESS: waits until a service there takes requests.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready ADDRESS")
	}
	until(ts, "ready", func() bool {
		response, err := http.Get("http://" + args[0] + "/readyz")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// fetched URL PATTERN: asks for a page until it matches.
func fetched(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fetched URL PATTERN")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	until(ts, args[1], func() bool {
		response, err := http.Get(args[0])
		if err != nil {
			return false
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		return err == nil && pattern.Match(text)
	})
}

// eventually PATTERN COMMAND...: runs the command until its output matches.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually PATTERN COMMAND...")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	until(ts, args[0], func() bool {
		return ts.Exec(args[1], args[2:]...) == nil && pattern.MatchString(ts.ReadFile("stdout"))
	})
}

func until(ts *testscript.TestScript, what string, holds func() bool) {
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			ts.Fatalf("still not: %s", what)
		}
		<-time.After(20 * time.Millisecond)
	}
}
