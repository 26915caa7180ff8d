package service

import (
	"runtime/debug"

	"github.com/refundry/refundry/telemetry"
)

// shortCommit is how much of a commit's hash is shown.
const shortCommit = 12

// What a release says of itself; internal/release sets both by the linker's -X,
// so that an archive of the sources without git builds the same program.
var (
	releaseVersion string // such as v1.2.3
	releaseCommit  string // the whole hash
)

// Build returns which program this is: what the release said, else as the Go
// tool noted it.
func Build() telemetry.Build {
	build := telemetry.Build{Version: "devel", Commit: releaseCommit}
	info, ok := debug.ReadBuildInfo()
	if ok {
		build.Go = info.GoVersion
		if info.Main.Version != "" && info.Main.Version != "(devel)" {
			build.Version = info.Main.Version
		}
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" && build.Commit == "" {
				build.Commit = setting.Value
			}
		}
	}
	if releaseVersion != "" {
		build.Version = releaseVersion
	}
	if len(build.Commit) > shortCommit {
		build.Commit = build.Commit[:shortCommit]
	}
	return build
}
