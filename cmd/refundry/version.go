package main

import (
	"fmt"
	"runtime"

	"github.com/refundry/refundry/service"
)

// versionCommand shows which program this is.
type versionCommand struct {
	jsonFlag
}

func (c *versionCommand) Run(e *environment) error {
	build := service.Build()
	platform := runtime.GOOS + "/" + runtime.GOARCH
	if c.JSON {
		return e.printJSON(map[string]string{"version": build.Version, "commit": build.Commit, "go": build.Go, "platform": platform})
	}
	commit := build.Commit
	if commit == "" {
		commit = "no commit"
	}
	_, err := fmt.Fprintf(e.out, "refundry %s (%s, %s, %s)\n", build.Version, commit, build.Go, platform)
	return err
}
