// Package e2e sees the program from outside: the built binary, real HTTP,
// official clients, processes that are killed and started again.
package e2e

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/refundry/refundry/store/storetest"
)

const (
	// readyTimeout is far above the tenth of a second that a start takes: CI
	// runs other packages on the same two cores.
	readyTimeout = 3 * time.Minute
	// stopTimeout is above what a graceful stop may take.
	stopTimeout = 3 * time.Minute
	// endTimeout is how long refunds may take to their end after trouble; a
	// lost lease alone lasts 45 s.
	endTimeout = 5 * time.Minute
	// lookInterval is how often a condition is looked at.
	lookInterval = 50 * time.Millisecond
)

var built struct {
	sync.Once
	dir, binary string
	err         error
}

// together is how many tests may wait at once, for leases and for channels' pauses:
// the number of cores says nothing about that.
const together = 8

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(together)); err != nil {
		panic(err)
	}
	// Not os.Exit here: storetest.Main ends the process, and the clusters.
	defer func() { _ = os.RemoveAll(built.dir) }()
	storetest.Main(m)
}

// Binary builds the program once and gives its path.
func Binary(t testing.TB) string {
	t.Helper()
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "refundry-e2e-"); built.err != nil {
			return
		}
		built.binary = filepath.Join(built.dir, "refundry")
		build := exec.Command("go", "build", "-o", built.binary, "../cmd/refundry")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := build.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("build refundry: %w\n%s", err, text)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.binary
}

// Process is a running `refundry serve`.
type Process struct {
	URL  string // http://127.0.0.1:port
	Data string // its data folder
	cmd  *exec.Cmd
	log  *logged
	done chan error
}

// logged collects what a process writes to stderr.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Start starts `refundry serve --demo` on a database with a data folder and
// waits until it is ready. What it logged is shown if the test fails; it is
// stopped at the end of the test if it still runs.
func Start(t testing.TB, database, data string, args ...string) *Process {
	t.Helper()
	return StartAt(t, freeAddress(t), database, data, args...)
}

// StartAt is Start on an address.
func StartAt(t testing.TB, address, database, data string, args ...string) *Process {
	t.Helper()
	return launch(t, address, data, append([]string{"serve", "--demo", "--database", database}, args...)...)
}

// launch starts a command of the program that serves on an address and has a data
// folder, and waits until it is ready.
func launch(t testing.TB, address, data string, args ...string) *Process {
	t.Helper()
	binary := Binary(t)
	p := &Process{URL: "http://" + address, Data: data, log: &logged{}, done: make(chan error, 1)}
	p.cmd = exec.Command(binary, append(args, "--listen", address, "--data", data)...)
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s on %s logged:\n%s", args[0], address, tail(p.log.String()))
		}
	})
	deadline := time.Now().Add(readyTimeout)
	for {
		response, err := http.Get(p.URL + "/readyz")
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return p
			}
		}
		select {
		case err := <-p.done:
			p.done <- err
			t.Fatalf("%s ended before it was ready: %v\n%s", args[0], err, tail(p.log.String()))
		case <-time.After(lookInterval):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not ready after %s: %v\n%s", args[0], readyTimeout, err, tail(p.log.String()))
		}
	}
}

// Kill ends the process as kill -9 does and waits until it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	err := <-p.done
	p.done <- err
}

// Stop asks the process to end and demands exit status 0.
func (p *Process) Stop(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.done:
		p.done <- err
		if err != nil {
			t.Fatalf("serve ended with %v\n%s", err, tail(p.log.String()))
		}
	case <-time.After(stopTimeout):
		t.Fatalf("serve did not end within %s\n%s", stopTimeout, tail(p.log.String()))
	}
}

// Run runs the program with other arguments and gives its stdout, stderr and
// exit status.
func Run(t testing.TB, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), endTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, Binary(t), args...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), problems.String(), cmd.ProcessState.ExitCode()
}

// Verify demands that `refundry verify` finds nothing.
func Verify(t testing.TB, database string) {
	t.Helper()
	stdout, stderr, status := Run(t, "verify", "--database", database)
	if status != 0 {
		t.Errorf("verify exits %d:\n%s%s", status, stdout, stderr)
	}
}

// Until looks at a condition until it holds, and fails the test after a while.
func Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(endTimeout); !holds(); time.Sleep(lookInterval) {
		if time.Now().After(deadline) {
			t.Fatalf("after %s still not: %s", endTimeout, what)
		}
	}
}

// Call sends one request with the demo merchant's native key and gives status
// and body.
func Call(t testing.TB, method, url, body string, headers ...string) (int, string) {
	t.Helper()
	status, text, err := call(method, url, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return status, text
}

// call is Call for requests that may fail, such as those to a killed process.
func call(method, url, body string, headers ...string) (int, string, error) {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Authorization", "Bearer rk_test_demo")
	request.Header.Set("Content-Type", "application/json")
	for n := 0; n+1 < len(headers); n += 2 {
		request.Header.Set(headers[n], headers[n+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// tail is the end of a log: the reason stands there.
func tail(text string) string {
	const most = 4000
	if len(text) > most {
		return "..." + text[len(text)-most:]
	}
	return text
}
