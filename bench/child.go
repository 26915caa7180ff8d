package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	// startPatience is how long a service may take to be ready: one with many
	// refunds on a busy machine takes longest.
	startPatience = 2 * time.Minute
	// stopPatience is above what a service promises to take (service.CloseTimeout
	// and server.StopTimeout).
	stopPatience = 90 * time.Second
	// startLook is how often it is asked whether it is ready.
	startLook = 2 * time.Millisecond
	// startTries is how many pairs of ports are tried: somebody may take one
	// between choosing it and the service's listening.
	startTries = 3
	// logTail is how much of its log an error repeats, in bytes.
	logTail = 2000
)

// ChildOptions say which service is started.
type ChildOptions struct {
	// Program is refundry itself, Name what it is called by (os.Args[0]).
	Program, Name string
	// Database is its database's URL, Dir a folder of ours for its data and its log.
	Database, Dir string
	// Flags are further ones of serve.
	Flags []string
}

// Child is a service in a process of its own, with the demo merchant: what it costs
// can be told from what the load generator does. It ends with us.
type Child struct {
	// URL and AdminURL are its addresses, Took how long it took from its start until
	// it was ready.
	URL, AdminURL string
	Took          time.Duration

	dir     string
	process *os.Process
	ended   chan error // what it ended with
}

// StartChild starts a service and waits until it is ready. The caller stops it.
func StartChild(ctx context.Context, opts ChildOptions) (c *Child, err error) {
	for range startTries {
		if c, err = startChild(ctx, opts); err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "address already in use") {
			return c, err
		}
	}
	return c, err
}

func startChild(ctx context.Context, opts ChildOptions) (*Child, error) {
	listen, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	admin, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(opts.Dir, "service.log"))
	if err != nil {
		return nil, fmt.Errorf("make the service's log: %w", err)
	}
	defer func() { _ = log.Close() }()
	// Everything is switched on that runs in production, the access log too.
	args := append([]string{
		"serve", "--demo", "--listen", listen, "--admin-listen", admin, "--data", filepath.Join(opts.Dir, "data"),
		"--egress-allow", "127.0.0.0/8", "--log-level", "info",
	}, opts.Flags...)
	command := exec.Command(opts.Program, args...) //nolint:noctx // it is stopped in order, not killed
	command.Args[0] = opts.Name
	command.Stdout, command.Stderr, command.Dir = log, log, opts.Dir
	// A password does not belong into a process's arguments, and a forgotten
	// variable must not change what is measured.
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + opts.Dir, "TMPDIR=" + os.TempDir(), "REFUNDRY_DATABASE=" + opts.Database}
	command.SysProcAttr = childAttributes()
	c := &Child{URL: "http://" + listen, AdminURL: "http://" + admin, dir: opts.Dir, ended: make(chan error, 1)}
	begin := time.Now()
	if err := c.start(command); err != nil {
		return nil, fmt.Errorf("start the service: %w", err)
	}
	if err := c.wait(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start the service: %w\n%s", err, c.logged()), c.Stop())
	}
	c.Took = time.Since(begin)
	return c, nil
}

// start starts the process and waits for its end on a thread of its own: the
// system takes the end of the thread that started it for ours.
func (c *Child) start(command *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := command.Start()
		c.process = command.Process
		started <- err
		if err == nil {
			c.ended <- command.Wait()
		}
	}()
	return <-started
}

// wait asks until the service is ready.
func (c *Child) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		if request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/readyz", http.NoBody); err != nil {
			return err
		} else if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-c.ended:
			c.ended <- err
			return fmt.Errorf("it ended: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(startLook):
		}
	}
}

// PID is the process's number.
func (c *Child) PID() int { return c.process.Pid }

// Stop ends the service in order, and waits.
func (c *Child) Stop() error {
	_ = c.process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case err := <-c.ended:
		c.ended <- err
		if err != nil {
			return fmt.Errorf("the service ended badly: %w\n%s", err, c.logged())
		}
		return nil
	case <-time.After(stopPatience):
	}
	_ = c.process.Kill()
	err := <-c.ended
	c.ended <- err
	return fmt.Errorf("the service did not end within %s: %w", stopPatience, err)
}

// Kill ends the service at once, where its database is thrown away too.
func (c *Child) Kill() {
	_ = c.process.Kill()
	c.ended <- <-c.ended
}

// Credentials are the demo merchant's, from the file that the service wrote.
func (c *Child) Credentials() (Credentials, error) {
	return ReadCredentials(filepath.Join(c.dir, "data", "demo", "demo.json"))
}

// Profile fetches a CPU profile of some seconds.
func (c *Child) Profile(ctx context.Context, duration time.Duration, into io.Writer) error {
	seconds := max(int(duration.Seconds()), 1)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", c.AdminURL, seconds), http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("fetch the profile: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("fetch the profile: HTTP %d", response.StatusCode)
	}
	_, err = io.Copy(into, response.Body)
	return err
}

// logged is the end of the service's log.
func (c *Child) logged() string {
	text, err := os.ReadFile(filepath.Join(c.dir, "service.log"))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text[max(0, len(text)-logTail):]))
}

// freeAddress is one of this machine that nobody listens on.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}
