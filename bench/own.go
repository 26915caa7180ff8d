package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/refundry/refundry/internal/pgcluster"
)

// OwnOptions say which service of our own RunOwn measures.
type OwnOptions struct {
	// Program is refundry itself, Name what it is called by (os.Args[0]).
	Program, Name string
	// Database is the service's, empty or the demo's; "" is a fresh SQLite file.
	// Postgres takes one of a throw-away PostgreSQL cluster instead.
	Database string
	Postgres bool
	// Profile is a file for the service's CPU profile of the measured time; "" for
	// none.
	Profile string
}

// RunOwn measures a service that it starts for that, in a process of its own, and
// runs refundry verify on its database afterwards. It leaves no process and no
// folder behind.
func RunOwn(ctx context.Context, own OwnOptions, opts Options) (report Report, err error) {
	dir, err := os.MkdirTemp("", "refundry-bench-")
	if err != nil {
		return Report{}, fmt.Errorf("bench: make folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	switch {
	case own.Postgres:
		opts.Progress("starting a PostgreSQL cluster")
		cluster, err := pgcluster.New(pgcluster.Options{})
		if err != nil {
			return Report{}, fmt.Errorf("bench: %w", err)
		}
		defer func() { _ = cluster.Close() }()
		name, err := cluster.Create("")
		if err != nil {
			return Report{}, fmt.Errorf("bench: %w", err)
		}
		own.Database, opts.Cluster = cluster.SocketURL(name), cluster.PID()
	case own.Database == "":
		own.Database = "sqlite:" + filepath.Join(dir, "bench.db")
	}
	return own.run(ctx, dir, opts)
}

func (own OwnOptions) run(ctx context.Context, dir string, opts Options) (Report, error) {
	child, err := StartChild(ctx, ChildOptions{Program: own.Program, Name: own.Name, Database: own.Database, Dir: dir})
	if err != nil {
		return Report{}, fmt.Errorf("bench: %w", err)
	}
	opts.Target, opts.Process = child.URL, child.PID()
	if isPostgres(own.Database) {
		opts.Database = own.Database
	}
	if opts.Credentials, err = child.Credentials(); err != nil {
		return Report{}, errors.Join(fmt.Errorf("bench: %w", err), child.Stop())
	}
	var profiled error
	if own.Profile != "" {
		opts.Profile = func(ctx context.Context, duration time.Duration) {
			profiled = child.profileTo(ctx, own.Profile, duration)
		}
	}
	report, err := Run(ctx, opts)
	err = errors.Join(err, profiled, child.Stop())
	if err != nil {
		return report, err
	}
	opts.Progress("verifying the database")
	_, err = own.verify(ctx, own.Database)
	return report, err
}

func (c *Child) profileTo(ctx context.Context, name string, duration time.Duration) error {
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("make the profile: %w", err)
	}
	return errors.Join(c.Profile(ctx, duration, file), file.Close())
}

// memoryLook is how often the memory of a program is looked at that runs to its end.
const memoryLook = 10 * time.Millisecond

// spent is what a program took that has ended.
type spent struct {
	Took, CPU time.Duration
	Memory    int64 // at most, in bytes; 0 where it can't be told
}

// verify runs refundry verify; the error says what it found.
func (own OwnOptions) verify(ctx context.Context, database string) (spent, error) {
	return runProgram(ctx, own.command(ctx, database, "verify"))
}

// command is refundry with arguments, as a child that finds the database in its
// environment.
func (own OwnOptions) command(ctx context.Context, database string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, own.Program, args...)
	command.Args[0] = own.Name
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "REFUNDRY_DATABASE=" + database}
	return command
}

// runProgram runs a program to its end. What it prints is in the error.
func runProgram(ctx context.Context, command *exec.Cmd) (spent, error) {
	var printed bytes.Buffer
	if command.Stdout == nil {
		command.Stdout = &printed
	}
	command.Stderr = &printed
	command.SysProcAttr = ownGroup()
	begin := time.Now()
	var out spent
	err := command.Start()
	if err == nil {
		ended, watched := make(chan struct{}), make(chan int64, 1)
		go func() { watched <- watchMemory(command.Process.Pid, ended) }()
		err = command.Wait()
		close(ended)
		out.Memory = <-watched
	}
	out.Took = time.Since(begin)
	if state := command.ProcessState; state != nil {
		out.CPU = state.UserTime() + state.SystemTime()
	}
	if ctx.Err() != nil {
		return out, ctx.Err()
	}
	if err != nil {
		return out, fmt.Errorf("%s: %w\n%s", filepath.Base(command.Path), err, bytes.TrimSpace(printed.Bytes()))
	}
	return out, nil
}

// watchMemory returns the most resident memory that a program had, until ended, as far
// as looks show; 0 where it can't be told. What the system counts for a program that has
// ended begins with what the one had that started it.
func watchMemory(pid int, ended <-chan struct{}) (most int64) {
	for {
		if memory, err := peakMemory(pid); err == nil {
			most = max(most, memory)
		}
		select {
		case <-ended:
			return most
		case <-time.After(memoryLook):
		}
	}
}
