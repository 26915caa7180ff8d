package service

import (
	"runtime/debug"

	"github.com/refundry/refundry/telemetry"
)

// shortCommit is how much of a commit's hash is shown.
const shortCommit = 12

// Build returns which program this is, as the Go tool noted it.
func Build() telemetry.Build {
	build := telemetry.Build{Version: "devel"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return build
	}
	build.Go = info.GoVersion
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		build.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && len(setting.Value) >= shortCommit {
			build.Commit = setting.Value[:shortCommit]
		}
	}
	return build
}
