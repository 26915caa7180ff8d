package browser

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// world is the service with its data.
type world struct {
	url string
	axe string // the source of axe-core
	// demo are the demo's users.
	demo struct {
		User           string `json:"user"`
		Password       string `json:"password"`
		SecondUser     string `json:"second_user"`
		SecondPassword string `json:"second_password"`
	}
	// sample is the merchant with a realistic past.
	sample string
	// refund is one that succeeded, abnormal one that is that.
	refund, abnormal string
	// policy, user, key and endpoint are one of each.
	policy, user, key, endpoint string
}

// built is the folder of the program.
var built string

func removeBinary() {
	if built != "" {
		_ = os.RemoveAll(built)
	}
}

// newWorld builds the program and starts it with the demo's data.
func newWorld(t *testing.T) *world {
	t.Helper()
	var err error
	if built, err = os.MkdirTemp("", "refundry-browser-"); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(built, "refundry")
	build := exec.Command("go", "build", "-o", program, "../../cmd/refundry")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build refundry: %v\n%s", err, text)
	}
	axe, err := os.ReadFile("../node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("read axe-core: %v (hint: make setup-e2e)", err)
	}
	data := t.TempDir()
	w := &world{axe: string(axe), sample: makeSample(t, program, data)}
	w.url = serve(t, program, data)
	w.readDemo(t, filepath.Join(data, "demo", "demo.json"))
	w.prepare(t)
	w.prepareSettings(t)
	return w
}

// sampleDays are enough that each page has something to show; the README's pictures
// have the month that serve --demo --sample brings.
const sampleDays, pictureDays = "5", "30"

// makeSample brings the merchant sample, and returns its id.
func makeSample(t *testing.T, program, data string) string {
	t.Helper()
	days := sampleDays
	if *images != "" {
		days = pictureDays
	}
	command := exec.Command(program, "sample", "--days", days, "--database", databaseIn(data), "--data", data, "--json")
	var log lines
	command.Stderr = &log
	text, err := command.Output()
	var report struct {
		Merchant string `json:"merchant"`
	}
	if err := errors.Join(err, json.Unmarshal(text, &report)); err != nil || report.Merchant == "" {
		t.Fatalf("make the sample: %v: %s\n%s", err, text, log.String())
	}
	return report.Merchant
}

// databaseIn is the database of a data folder.
func databaseIn(data string) string { return "sqlite:" + filepath.Join(data, "refundry.db") }

// serve starts the program and waits until it says where it is.
func serve(t *testing.T, program, data string) string {
	t.Helper()
	log := &lines{}
	command := exec.Command(program, "serve", "--listen", "127.0.0.1:0", "--database", "sqlite:"+filepath.Join(data, "refundry.db"), "--data", data, "--log-level", "warn", "--demo")
	command.Stderr = log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		if err := command.Wait(); err != nil {
			t.Errorf("the service ended: %v", err)
		}
		if t.Failed() {
			t.Log(log.String())
		}
	})
	ready := regexp.MustCompile(`refundry is ready at (http://\S+)`)
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		if found := ready.FindStringSubmatch(log.String()); found != nil {
			return found[1]
		}
		time.Sleep(20 * time.Millisecond) // a look at what the process has written
	}
	t.Fatalf("the service does not start:\n%s", log.String())
	return ""
}

// lines collects what a process writes.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (w *world) readDemo(t *testing.T, name string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Console json.RawMessage }
	if err := errors.Join(json.Unmarshal(text, &all), json.Unmarshal(all.Console, &w.demo)); err != nil || w.demo.Password == "" {
		t.Fatalf("%s names no user: %v", name, err)
	}
}

// prepare makes refunds of each fate that the sandbox knows, so that pages have
// something to show.
func (w *world) prepare(t *testing.T) {
	t.Helper()
	for number, amount := range map[string]string{"B-ok": "1000", "B-refused": "1051", "B-abnormal": "1052", "B-funds": "1055", "B-pending": "1058"} {
		id := w.makeRefund(t, number, amount)
		switch number {
		case "B-ok":
			w.refund = id
		case "B-abnormal":
			w.abnormal = id
		}
	}
}

// prepareSettings makes one of each thing that has a page of its own.
func (w *world) prepareSettings(t *testing.T) {
	t.Helper()
	for _, one := range []struct {
		path, body string
		id         *string
	}{
		{"/policies", `{"name": "walked", "expression": "refund.amount > 100000"}`, &w.policy},
		{"/users", `{"email": "walked@example.com", "roles": ["viewer"]}`, &w.user},
		{"/keys", `{"dialect": "native", "scopes": ["read"]}`, &w.key},
		{"/endpoints", `{"url": "https://shop.example/walked", "dialect": "native", "events": ["refund.succeeded"]}`, &w.endpoint},
	} {
		var made struct{ ID string }
		w.post(t, one.path, one.body, &made)
		if *one.id = made.ID; made.ID == "" {
			t.Fatalf("POST %s made nothing", one.path)
		}
	}
}

// post makes something over the API.
func (w *world) post(t *testing.T, path, body string, into any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/refundry/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer rk_test_demo")
	request.Header.Set("Prefer", "wait=5")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err = errors.Join(err, json.Unmarshal(text, into)); err != nil || answer.StatusCode != http.StatusCreated {
		t.Fatalf("POST %s: %d, %v: %s", path, answer.StatusCode, err, text)
	}
}

// makeRefund asks for a refund over the API. The reason is what a page must show as
// a text and not as HTML.
func (w *world) makeRefund(t *testing.T, number, amount string) string {
	t.Helper()
	body := `{"charge": "M948164T2023072607034709567189", "amount": ` + amount + `, "number": "` + number + `", "reason": "sent back <b>unopened</b>"}`
	var made struct{ ID string }
	w.post(t, "/refunds", body, &made)
	return made.ID
}
