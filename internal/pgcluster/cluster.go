//go:build unix

// Package pgcluster runs throw-away PostgreSQL clusters, for tests and for
// refundry bench. A cluster's server writes as durably as in production; server
// and folder are gone as soon as the process is, however it ends.
package pgcluster

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// startTimeout is far above the second that a start takes on an idle
	// machine; recovery after Kill on a busy one is the slow case.
	startTimeout = 2 * time.Minute
	// stopTimeout is how long the server may take to end before it is killed.
	stopTimeout = time.Minute
	// pollInterval is how often start and stop look whether they are done.
	pollInterval = 10 * time.Millisecond
	// startAttempts is how many ports are tried: between choosing a free one
	// and the server's bind somebody else may take it.
	startAttempts = 5
	// superuser owns the cluster and every database in it.
	superuser = "refundry"
)

// warden ends the server and removes the folder as soon as its input closes,
// which happens however this process ends: by return, panic, timeout of go
// test or kill -9. A parent-death signal would hang on one thread of ours
// instead, and would leave the folder behind.
const warden = `cat >/dev/null
pid=$(head -n 1 "$0/data/postmaster.pid" 2>/dev/null)
[ -z "$pid" ] || kill -QUIT "$pid" 2>/dev/null
tries=0
while [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries+1)); done
rm -rf -- "$0"`

// Cluster is a PostgreSQL server of our own that its owner may stop, crash and
// start again. Its address stays the same.
type Cluster struct {
	bin      string
	dir      string
	password string
	settings map[string]string
	port     int
	account  *syscall.Credential
	// pid is 0 while the server is down.
	pid    int
	alive  *os.File
	warden *exec.Cmd
}

// Options of a cluster.
type Options struct {
	// Settings are of postgresql.conf, such as shared_preload_libraries; those
	// that are absent have PostgreSQL's defaults, but for max_connections, which
	// is 200.
	Settings map[string]string
}

// Stop ends the server in order; clients are cut off.
func (c *Cluster) Stop() error { return c.end(syscall.SIGINT) }

// Kill ends the server as a crash would: nothing is written any more, and the
// next Start recovers from the log.
func (c *Cluster) Kill() error { return c.end(syscall.SIGQUIT) }

// New starts a server in a fresh folder. The error says what to install where
// PostgreSQL is missing.
func New(opts Options) (_ *Cluster, err error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	account, err := serverAccount()
	if err != nil {
		return nil, err
	}
	c := &Cluster{bin: bin, account: account, password: random(), settings: opts.Settings}
	if err := c.makeDir(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if err := c.initialise(); err != nil {
		return nil, err
	}
	for range startAttempts {
		if c.port, err = freePort(); err != nil {
			return nil, err
		}
		if err = c.Start(); err == nil {
			return c, nil
		}
	}
	return nil, err
}

// binaries finds the folder of the server programs. Version 15 comes first,
// since it is the oldest that Refundry promises to run on.
func binaries() (string, error) {
	candidates := []string{"/usr/lib/postgresql/15/bin"}
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		candidates = append(candidates, strings.TrimSpace(string(out)))
	}
	if name, err := exec.LookPath("initdb"); err == nil {
		candidates = append(candidates, filepath.Dir(name))
	}
	for _, dir := range candidates {
		_, errInit := os.Stat(filepath.Join(dir, "initdb"))
		_, errServer := os.Stat(filepath.Join(dir, "postgres"))
		if errInit == nil && errServer == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("find PostgreSQL: initdb and postgres are in none of %v; hint: run `make setup`", candidates)
}

// serverAccount is whom the server runs as: nil for ourselves, and the user
// postgres when we are root, as whom PostgreSQL refuses to run.
func serverAccount() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("find an account for PostgreSQL: %w; hint: run `make setup`", err)
	}
	uid, errUID := strconv.ParseUint(account.Uid, 10, 32)
	gid, errGID := strconv.ParseUint(account.Gid, 10, 32)
	if err := errors.Join(errUID, errGID); err != nil {
		return nil, fmt.Errorf("read account postgres: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// makeDir makes the cluster's folder and starts its warden.
func (c *Cluster) makeDir() error {
	// A socket's path may have 107 bytes, and user postgres must be able to
	// walk to it; neither holds for every TMPDIR.
	dir, err := os.MkdirTemp("/tmp", "refundry-postgres-")
	if err != nil {
		return fmt.Errorf("make cluster folder: %w", err)
	}
	c.dir = dir
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make pipe: %w", errors.Join(err, os.RemoveAll(dir)))
	}
	c.alive = write
	c.warden = exec.Command("/bin/sh", "-c", warden, dir)
	c.warden.Stdin = read
	// A group of its own, so that Ctrl-C ends us and not the warden.
	c.warden.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = c.warden.Start()
	err = errors.Join(err, read.Close())
	if err != nil {
		return fmt.Errorf("start warden: %w", errors.Join(err, write.Close(), os.RemoveAll(dir)))
	}
	return c.own(dir)
}

func (c *Cluster) own(name string) error {
	if c.account == nil {
		return nil
	}
	return os.Chown(name, int(c.account.Uid), int(c.account.Gid))
}

// command prepares a server program. The environment is bare, because PGDATA,
// PGPORT and the like would reach it otherwise.
func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	command := exec.Command(filepath.Join(c.bin, name), args...)
	command.Dir = c.dir
	command.Env = []string{"PATH=" + c.bin + ":/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", "HOME=" + c.dir}
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.account}
	return command
}

// initialise writes the empty cluster. It need not survive a power cut, unlike
// what the tests write later.
func (c *Cluster) initialise() error {
	secret := filepath.Join(c.dir, "password")
	if err := os.WriteFile(secret, []byte(c.password), 0o600); err != nil {
		return fmt.Errorf("write password: %w", err)
	}
	if err := c.own(secret); err != nil {
		return fmt.Errorf("hand over password: %w", err)
	}
	out, err := c.command("initdb", "--pgdata="+filepath.Join(c.dir, "data"), "--username="+superuser,
		"--pwfile="+secret, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--lc-collate=C", "--no-sync").CombinedOutput()
	if err != nil {
		return fmt.Errorf("initialise cluster: %w\n%s", err, out)
	}
	return nil
}

// Start brings a stopped or killed server back and waits until it answers.
func (c *Cluster) Start() error {
	log, err := os.OpenFile(filepath.Join(c.dir, "server.log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open server log: %w", err)
	}
	defer log.Close() //nolint:errcheck // the server writes to its own descriptor
	args := []string{
		"-D", filepath.Join(c.dir, "data"), "-p", strconv.Itoa(c.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=" + c.dir, "-c", "max_connections=200",
	}
	for name, value := range c.settings {
		args = append(args, "-c", name+"="+value)
	}
	command := c.command("postgres", args...)
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	c.pid = command.Process.Pid
	// The process is waited for by its number, without a goroutine, so that
	// tests which look for leaked goroutines find none of ours.
	_ = command.Process.Release()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for ctx.Err() == nil && !c.ended() {
		if err = c.execute(ctx, "SELECT 1"); err == nil {
			return nil
		}
		time.Sleep(pollInterval)
	}
	text, _ := os.ReadFile(log.Name())
	return fmt.Errorf("start PostgreSQL: %w\n%s", errors.Join(err, c.end(syscall.SIGQUIT)), bytes.TrimSpace(text))
}

// ended reaps the server if it has ended.
func (c *Cluster) ended() bool {
	if c.pid == 0 {
		return true
	}
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(c.pid, &status, syscall.WNOHANG, nil)
	if pid == c.pid || errors.Is(err, syscall.ECHILD) {
		c.pid = 0
		return true
	}
	return false
}

// end sends the signal and waits; an unreaped child keeps its number, so that
// no stranger is hit.
func (c *Cluster) end(signal syscall.Signal) error {
	deadline := time.Now().Add(stopTimeout)
	for first := true; !c.ended(); first = false {
		if time.Now().After(deadline) {
			signal, first = syscall.SIGKILL, true
		}
		if first {
			if err := syscall.Kill(c.pid, signal); err != nil {
				return fmt.Errorf("end PostgreSQL: %w", err)
			}
		}
		time.Sleep(pollInterval)
	}
	return nil
}

// Close ends the server and removes its folder; a second call does nothing.
func (c *Cluster) Close() error {
	if c.alive == nil {
		return nil
	}
	err := c.end(syscall.SIGQUIT)
	err = errors.Join(err, c.alive.Close(), c.warden.Wait())
	c.alive = nil
	if err != nil {
		return fmt.Errorf("remove cluster %s: %w", c.dir, err)
	}
	return nil
}

// Create makes a database and returns its random name.
// template is the name of the database that it is a copy of, which nobody may be
// connected to; "" is an empty one.
func (c *Cluster) Create(template string) (string, error) {
	name := "t_" + random()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	statement := "CREATE DATABASE " + name
	if template != "" {
		statement += " TEMPLATE " + template
	}
	if err := c.execute(ctx, statement); err != nil {
		return "", fmt.Errorf("create database: %w", err)
	}
	return name, nil
}

// Drop removes a database and cuts its clients off.
func (c *Cluster) Drop(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := c.execute(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop database: %w", err)
	}
	return nil
}

// Dir is the cluster's folder, which holds its socket.
func (c *Cluster) Dir() string { return c.dir }

// Port is the one on 127.0.0.1 and of the socket's name.
func (c *Cluster) Port() int { return c.port }

// PID is the postmaster's, 0 while the server is down.
func (c *Cluster) PID() int { return c.pid }

// Program is the path of one of the server package's programs, such as pgbench.
func (c *Cluster) Program(name string) string { return filepath.Join(c.bin, name) }

// Environment is what a client program finds the cluster with, over its socket.
func (c *Cluster) Environment(database string) []string {
	return []string{
		"PATH=" + c.bin + ":/usr/bin:/bin", "LC_ALL=C", "PGHOST=" + c.dir, "PGPORT=" + strconv.Itoa(c.port),
		"PGUSER=" + superuser, "PGPASSWORD=" + c.password, "PGDATABASE=" + database,
	}
}

// URL is a database's address over TCP.
func (c *Cluster) URL(database string) string {
	address := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, c.password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)), Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return address.String()
}

// SocketURL is a database's address over the socket.
func (c *Cluster) SocketURL(database string) string {
	address := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, c.password), Path: "/" + database,
		RawQuery: url.Values{"host": {c.dir}, "port": {strconv.Itoa(c.port)}}.Encode(),
	}
	return address.String()
}

func (c *Cluster) execute(ctx context.Context, statement string) (err error) {
	conn, err := pgx.Connect(ctx, c.URL("postgres"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	_, err = conn.Exec(ctx, statement)
	return err
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}

func random() string {
	bytes := make([]byte, 8)
	_, _ = rand.Read(bytes) // never fails: it ends the program instead
	return hex.EncodeToString(bytes)
}
