package deploy

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

func stages(t *testing.T) []instructions.Stage {
	t.Helper()
	parsed, err := parser.Parse(strings.NewReader(read(t, "deploy/Dockerfile")))
	if err != nil {
		t.Fatal(err)
	}
	stages, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		t.Fatal(err)
	}
	return stages
}

// given returns the instructions of a kind in a stage.
func given[T instructions.Command](stage instructions.Stage) []T {
	var found []T
	for _, command := range stage.Commands {
		if c, ok := command.(T); ok {
			found = append(found, c)
		}
	}
	return found
}

func TestTheImageHoldsTheProgramAndRunsAsNobody(t *testing.T) {
	all := stages(t)
	last := all[len(all)-1]
	if last.BaseName != "scratch" {
		t.Errorf("the image is made of %s", last.BaseName)
	}
	user := given[*instructions.UserCommand](last)
	if len(user) != 1 || strings.Trim(user[0].User, "0123456789:") != "" || strings.HasPrefix(user[0].User, "0") {
		t.Errorf("the user is %v: Kubernetes takes a number that is not 0", user)
	}
	for _, entry := range given[*instructions.EntrypointCommand](last) {
		if entry.PrependShell {
			t.Error("there is no shell in the image")
		}
	}
	health := given[*instructions.HealthCheckCommand](last)
	if len(health) != 1 || !slices.Equal(health[0].Health.Test, []string{"CMD", "/refundry", "healthcheck"}) {
		t.Errorf("the health check is %v", health)
	}
	var names []string
	for _, variables := range given[*instructions.EnvCommand](last) {
		for _, variable := range variables.Env {
			names = append(names, variable.Key)
		}
	}
	checkSettings(t, names)
}

func TestWhatTheDockerfileCopiesIsThere(t *testing.T) {
	all := stages(t)
	made := read(t, "deploy/Dockerfile")
	for _, stage := range all {
		for _, copied := range given[*instructions.CopyCommand](stage) {
			for _, source := range copied.SourcePaths {
				switch {
				case copied.From == "":
					if _, err := os.Stat(filepath.Join(root, source)); err != nil {
						t.Error(err)
					}
				case strings.HasPrefix(source, "/out/") && strings.Count(made, source) < 2:
					t.Errorf("%s is copied from the stage %s, which does not make it", source, copied.From)
				}
			}
		}
	}
	for _, variable := range []string{"service.releaseVersion", "service.releaseCommit"} {
		_, name, _ := strings.Cut(variable, ".")
		if !strings.Contains(made, variable+"=") || !strings.Contains(read(t, "service/build.go"), name) {
			t.Errorf("the linker's -X of %s sets nothing", variable)
		}
	}
}

func TestTheContextHasNoSecretAndNoBallast(t *testing.T) {
	ignored := strings.Fields(read(t, ".dockerignore"))
	for _, name := range []string{".git", "refundry-data", "refundry.db*", "e2e/node_modules", "deploy/compose/secrets"} {
		if !slices.Contains(ignored, name) {
			t.Errorf("%s would be copied into the image's build", name)
		}
	}
}

func composed(t *testing.T) *types.Project {
	t.Helper()
	file := filepath.Join(root, "deploy/compose/compose.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	project, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir: filepath.Dir(file), ConfigFiles: []types.ConfigFile{{Filename: file, Content: text}}, Environment: types.Mapping{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestComposeRunsTwoReplicasThatShareTheirSecrets(t *testing.T) {
	project := composed(t)
	service, err := project.GetService("refundry")
	if err != nil {
		t.Fatal(err)
	}
	if service.Deploy == nil || *service.Deploy.Replicas != 2 || !service.ReadOnly || !slices.Contains(service.CapDrop, "ALL") {
		t.Errorf("service: %+v", service)
	}
	if service.StopGracePeriod == nil || service.StopGracePeriod.String() != "1m5s" {
		t.Errorf("a stop takes up to 60 s, and the container is killed after %s", service.StopGracePeriod)
	}
	var names []string
	mounted := map[string]bool{}
	for _, secret := range service.Secrets {
		mounted["/run/secrets/"+secret.Source] = true
		if project.Secrets[secret.Source].File == "" {
			t.Errorf("the secret %s is no file", secret.Source)
		}
	}
	for name, value := range service.Environment {
		names = append(names, name)
		if value != nil && strings.HasPrefix(*value, "/run/secrets/") && !mounted[*value] {
			t.Errorf("%s is at %s, where no secret is", name, *value)
		}
	}
	checkSettings(t, names)
	if _, err := os.Stat(filepath.Join(service.Build.Context, service.Build.Dockerfile)); err != nil {
		t.Error(err)
	}
}
