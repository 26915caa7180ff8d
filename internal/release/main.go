// Command release builds what is given to users: one archive per platform, an
// inventory of each program's modules (CycloneDX), and their checksums. The same
// commit, built by the same version of Go, gives the same bytes in any folder, on
// any machine and at any time.
//
//	go run ./internal/release -inventory .bin/cyclonedx-gomod -out dist
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// platforms are the systems that are built for, GOOS/GOARCH.
var platforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64"}

// source is what is released.
type source struct {
	version string    // such as v1.2.3, or v1.2.3-4-gabcdef0 between releases
	commit  string    // the whole hash
	date    time.Time // the commit's, which every file in an archive has
}

func main() {
	var r release
	wanted := flag.String("platforms", strings.Join(platforms, ","), "what to build, GOOS/GOARCH, separated by commas")
	flag.StringVar(&r.out, "out", "dist", "folder that is made for the archives; one that is there is emptied")
	flag.StringVar(&r.inventory, "inventory", "", "the program cyclonedx-gomod, for the inventories")
	flag.StringVar(&r.source.version, "version", "", "version that the program shows; default: git describe")
	dirty := flag.Bool("dirty", false, "build also with changes that are not committed; two such builds may differ")
	flag.Parse()
	r.platforms = strings.Split(*wanted, ",")
	err := r.source.read(context.Background(), *dirty)
	if err == nil {
		err = r.run(context.Background())
	}
	if err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "release: %v\n", err)
		os.Exit(1)
	}
}

// read asks git what is checked out.
func (s *source) read(ctx context.Context, dirty bool) error {
	if changed, err := output(ctx, "git", "status", "--porcelain"); err != nil {
		return err
	} else if changed != "" && !dirty {
		return errors.New("there are changes that are not committed (hint: commit them, or give -dirty)")
	}
	var err error
	if s.version == "" {
		if s.version, err = output(ctx, "git", "describe", "--tags", "--always"); err != nil {
			return err
		}
	}
	if s.commit, err = output(ctx, "git", "rev-parse", "HEAD"); err != nil {
		return err
	}
	seconds, err := output(ctx, "git", "log", "-1", "--format=%ct")
	if err != nil {
		return err
	}
	at, err := strconv.ParseInt(seconds, 10, 64)
	s.date = time.Unix(at, 0).UTC()
	return err
}

// release is one run.
type release struct {
	source    source
	platforms []string
	out       string
	inventory string
}

func (r *release) run(ctx context.Context) error {
	if r.inventory == "" {
		return errors.New("-inventory names the program cyclonedx-gomod (hint: make release)")
	}
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "refundry-release-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	extra, err := r.extra(ctx, work)
	if err != nil {
		return err
	}
	for _, platform := range r.platforms {
		began := time.Now()
		if err := r.platform(ctx, platform, work, extra); err != nil {
			return fmt.Errorf("%s: %w", platform, err)
		}
		_, _ = fmt.Fprintf(os.Stderr, "release: %s %s after %s\n", r.source.version, platform, time.Since(began).Round(time.Second))
	}
	return writeSums(r.out)
}

// build compiles the program for a platform. Without -trimpath the folder of the
// sources would be in it, and with -buildvcs the state of a clone.
func (r *release) build(ctx context.Context, to, goos, goarch string) error {
	const variables = "github.com/refundry/refundry/service."
	flags := "-s -w -buildid= -X " + variables + "releaseVersion=" + r.source.version + " -X " + variables + "releaseCommit=" + r.source.commit
	_, err := outputWith(ctx, []string{"CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOOS=" + goos, "GOARCH=" + goarch, "GOAMD64=v1", "GOARM64=v8.0"},
		"go", "build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", flags, "-o", to, "./cmd/refundry")
	return err
}

// extra are the files that every archive holds besides the program; the manual
// page and the completions are the program's own, printed by one for this machine.
func (r *release) extra(ctx context.Context, work string) ([]file, error) {
	program := filepath.Join(work, "here")
	goos, err := output(ctx, "go", "env", "GOHOSTOS")
	if err != nil {
		return nil, err
	}
	goarch, err := output(ctx, "go", "env", "GOHOSTARCH")
	if err != nil {
		return nil, err
	}
	if err := r.build(ctx, program, goos, goarch); err != nil {
		return nil, err
	}
	var files []file
	for _, printed := range []struct {
		name string
		args []string
	}{
		{"share/man/man1/refundry.1", []string{"man"}},
		{"share/bash-completion/completions/refundry", []string{"completion", "bash"}},
		{"share/fish/vendor_completions.d/refundry.fish", []string{"completion", "fish"}},
	} {
		text, err := output(ctx, program, printed.args...)
		if err != nil {
			return nil, err
		}
		files = append(files, file{name: printed.name, mode: 0o644, text: []byte(text + "\n")})
	}
	for name, from := range map[string]string{
		"LICENSE": "LICENSE", "README.md": "README.md", "README.zh-CN.md": "README.zh-CN.md",
		"refundry.service": "deploy/systemd/refundry.service",
	} {
		text, err := os.ReadFile(from)
		if err != nil {
			return nil, err
		}
		files = append(files, file{name: name, mode: 0o644, text: text})
	}
	return files, nil
}

// platform makes the archive and the inventory of one platform.
func (r *release) platform(ctx context.Context, platform, work string, extra []file) error {
	goos, goarch, ok := strings.Cut(platform, "/")
	if !ok {
		return errors.New("is not GOOS/GOARCH")
	}
	program := "refundry"
	if goos == "windows" {
		program += ".exe"
	}
	built := filepath.Join(work, goos+"_"+goarch+"_"+program)
	if err := r.build(ctx, built, goos, goarch); err != nil {
		return err
	}
	text, err := os.ReadFile(built)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("refundry_%s_%s_%s", strings.TrimPrefix(r.source.version, "v"), goos, goarch)
	files := append([]file{{name: program, mode: 0o755, text: text}}, extra...)
	if err := writeArchive(filepath.Join(r.out, name), goos == "windows", name, files, r.source.date); err != nil {
		return err
	}
	// Serial number and time would differ from run to run.
	_, err = outputWith(ctx, []string{"GOOS=" + goos, "GOARCH=" + goarch}, r.inventory, "bin", "-json", "-std", "-noserial", "-notimestamp",
		"-version", r.source.version, "-output", filepath.Join(r.out, name+".cdx.json"), built)
	return err
}

// output runs a program and returns what it prints, without its last line's end.
func output(ctx context.Context, program string, args ...string) (string, error) {
	return outputWith(ctx, nil, program, args...)
}

func outputWith(ctx context.Context, variables []string, program string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, program, args...)
	command.Env = append(os.Environ(), variables...)
	text, err := command.Output()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		return "", fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, failed.Stderr)
	}
	return strings.TrimSuffix(string(text), "\n"), err
}
