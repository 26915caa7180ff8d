package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/secret"
	"github.com/refundry/refundry/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// patience bounds what a test waits for; nothing comes near it.
const patience = 3 * time.Minute

// otherKey is a master key that no database here was made with.
const otherKey = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// each runs a test with the URL of a fresh database of each engine, with the schema.
func each(t *testing.T, test func(t *testing.T, database string)) {
	t.Run("SQLite", func(t *testing.T) { test(t, storetest.SQLite(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, storetest.Postgres(t)) })
}

// eachEmpty is each without the schema.
func eachEmpty(t *testing.T, test func(t *testing.T, database string)) {
	t.Run("SQLite", func(t *testing.T) { test(t, storetest.EmptySQLite(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, storetest.EmptyPostgres(t)) })
}

// with and without are folders of a service with the demo merchant and of one
// without, which were started and ended: most of a test's time went into RSA keys.
var (
	with    = storetest.Prepared{Make: func(dir string) error { return prepareFolder(dir, true) }}
	without = storetest.Prepared{Make: func(dir string) error { return prepareFolder(dir, false) }}
)

// preparedName is the file in a prepared folder, as storetest names it.
const preparedName = "refundry.db"

func prepareFolder(dir string, demo bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := Start(ctx, Options{
		Database: "sqlite:" + filepath.Join(dir, preparedName), Data: filepath.Join(dir, "data"), Demo: demo,
		Log: quiet(), Simulated: Simulated{Stepped: true},
	})
	if err != nil {
		return err
	}
	return s.Close(ctx)
}

// start starts a service until the test ends. Without a data folder it gets a
// prepared one, with the database where that is an unused file of storetest.SQLite
// and the clock is about right.
func start(t *testing.T, opts Options) *Service {
	t.Helper()
	if opts.Data == "" {
		opts.Data = t.TempDir()
		file, isFile := strings.CutPrefix(opts.Database, "sqlite:")
		_, used := os.Stat(file + ".lock")
		now := opts.Now == nil || time.Since(opts.Now()).Abs() < time.Second
		if isFile && filepath.Base(file) == preparedName && errors.Is(used, fs.ErrNotExist) && opts.MasterKey == "" && now {
			dir := filepath.Dir(file)
			if opts.Demo {
				with.Copy(t, dir)
			} else {
				without.Copy(t, dir)
			}
			opts.Data = filepath.Join(dir, "data")
		}
	}
	opts.Log = quiet()
	s, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *Service) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}

// call makes a request with the demo merchant's native key.
func call(t *testing.T, s *Service, method, path, body string) (int, []byte) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer rk_test_demo")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.Bytes()
}

func TestAServiceThatWasClosedLeavesNothingRunning(t *testing.T) {
	eachEmpty(t, func(t *testing.T, database string) {
		before := goleak.IgnoreCurrent()
		s, err := Start(t.Context(), Options{Database: database, Data: t.TempDir(), Demo: true, Log: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Ready(); err != nil {
			t.Error(err)
		}
		stop(t, s)
		if err := s.Ready(); err == nil {
			t.Error("a closed service says that it is ready")
		}
		for _, part := range slices.Concat(s.running...) {
			select {
			case <-part.done:
			default:
				t.Errorf("the database was closed while %s was still at work", part.name)
			}
		}
		goleak.VerifyNone(t, before)
	})
}

func TestASQLiteFileHasOneOwner(t *testing.T) {
	opts := Options{Database: storetest.SQLite(t), Data: t.TempDir(), Log: quiet()}
	first := start(t, opts)
	if s, err := Start(t.Context(), opts); !errors.Is(err, ErrOwned) {
		t.Fatalf("a second service started with %v, %v", s, err)
	}
	stop(t, first)
	start(t, opts)
}

func TestAnotherMasterKeyIsRefusedWithAHint(t *testing.T) {
	eachEmpty(t, func(t *testing.T, database string) {
		before := goleak.IgnoreCurrent()
		opts := Options{Database: database, Data: t.TempDir(), MasterKey: storetest.MasterKey}
		stop(t, start(t, opts))
		for name, wrong := range map[string]string{"the key of another database": otherKey, "no key at all": "secret"} {
			_, err := Start(t.Context(), Options{Database: database, Data: t.TempDir(), MasterKey: wrong, Log: quiet()})
			if err == nil || !strings.Contains(err.Error(), "hint") || !errors.Is(err, secret.ErrOtherKey) && !errors.Is(err, secret.ErrMasterKey) {
				t.Errorf("%s: %v", name, err)
			}
		}
		stop(t, start(t, opts))
		goleak.VerifyNone(t, before)
	})
}

// filesOf reads a folder's files.
func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestTheDemoKeysStayOverRestartsAndAreTheSameForReplicas(t *testing.T) {
	eachEmpty(t, func(t *testing.T, database string) {
		data := t.TempDir()
		opts := Options{Database: database, Data: data, MasterKey: storetest.MasterKey, Demo: true}
		stop(t, start(t, opts))
		first := filesOf(t, filepath.Join(data, demoDir))
		want := []string{"demo.json", "merchant_cert.pem", "merchant_key.pem", "platform_cert.pem", "platform_key.pem", "platform_pub.pem"}
		if got := slices.Sorted(maps.Keys(first)); !slices.Equal(got, want) {
			t.Fatalf("files %v", got)
		}
		if err := os.Remove(filepath.Join(data, demoDir, "platform_key.pem")); err != nil {
			t.Fatal(err)
		}
		stop(t, start(t, opts))
		if diff := cmp.Diff(first, filesOf(t, filepath.Join(data, demoDir))); diff != "" {
			t.Errorf("a restart changed the files:\n%s", diff)
		}
		opts.Data = t.TempDir()
		stop(t, start(t, opts))
		if diff := cmp.Diff(first, filesOf(t, filepath.Join(opts.Data, demoDir))); diff != "" {
			t.Errorf("another replica has other files:\n%s", diff)
		}
	})
}

func TestReplicasMayStartAtOnceOnANewDatabase(t *testing.T) {
	opts := Options{Database: storetest.EmptyPostgres(t), MasterKey: storetest.MasterKey, Demo: true, Log: quiet()}
	const replicas = 3
	type started struct {
		service *Service
		data    string
		err     error
	}
	all := make(chan started, replicas)
	for range replicas {
		opts := opts
		opts.Data = t.TempDir()
		go func() {
			s, err := Start(context.Background(), opts)
			all <- started{s, opts.Data, err}
		}()
	}
	var first map[string]string
	for range replicas {
		one := <-all
		if one.err != nil {
			t.Error(one.err)
			continue
		}
		stop(t, one.service)
		files := filesOf(t, filepath.Join(one.data, demoDir))
		if first == nil {
			first = files
		}
		if diff := cmp.Diff(first, files); diff != "" {
			t.Errorf("replicas have other keys:\n%s", diff)
		}
	}
}

func TestDemoJSONListsWhatExamplesNeed(t *testing.T) {
	data := t.TempDir()
	start(t, Options{Database: storetest.SQLite(t), Data: data, Demo: true})
	text, err := os.ReadFile(filepath.Join(data, demoDir, "demo.json"))
	if err != nil {
		t.Fatal(err)
	}
	var d map[string]map[string]string
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	fixed := map[string]string{
		"pingpp.app": "app_1Gqj58ynP0mHeX1q", "pingpp.key": "sk_test_ibbTe5jLGCi5rzfH4OqPW9KC", "native.key": "rk_test_demo",
		"wallet.wallet_id": "wallet_demo", "wallet.api_key": "sk_test_ibbTe5jLGCi5rzfH4OqPW9KC",
		"payin.merchant_id": "M948164", "payin.client_key": "AK000000000000000000000000000001", "payin.secret": "payin-test-secret",
		"wechatpay.mchid": "1900009191", "wechatpay.sp_mchid": "1900000100", "wechatpay.sub_mchid": "1900000109",
		"wechatpay.apiv3_key": "0123456789abcdef0123456789abcdef", "sandbox.account": "sandbox_demo",
	}
	for name, want := range fixed {
		group, member, _ := strings.Cut(name, ".")
		if got := d[group][member]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{
		"wallet.merchant_secret_key", "wallet.merchant_public_key", "wallet.platform_public_key",
		"wechatpay.merchant_serial", "wechatpay.platform_serial", "wechatpay.platform_public_key_id",
	} {
		if group, member, _ := strings.Cut(name, "."); d[group][member] == "" {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestTheDemoChargesAreLoadedOnce(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		opts := Options{Database: database, Data: t.TempDir(), Demo: true}
		read := func() []refund.Charge {
			s := start(t, opts)
			defer stop(t, s)
			charges, more, err := s.Store.ChargeList(t.Context(), refund.ChargeFilter{MerchantID: merchant.DemoID, Page: refund.Page{Limit: 100}})
			if err != nil || more {
				t.Fatal(more, err)
			}
			for _, names := range [][2]string{
				{merchant.PingPP, "ch_L8qn10mLmr1GS8e5OODmHaL4"},
				{merchant.Wallet, "11SF0c6d432eb7894cc3191ff20c12a5"},
				{merchant.WeChatPay, "1217752501201407033233368018"},
				{merchant.Payin, "M948164T2023072607034709567189"},
			} {
				if _, err := s.Store.ChargeByAlias(t.Context(), merchant.DemoID, names[0], names[1]); err != nil {
					t.Errorf("%s: %v", names[0], err)
				}
			}
			return charges
		}
		first := read()
		if len(first) != 4 {
			t.Fatalf("%d charges", len(first))
		}
		if diff := cmp.Diff(first, read()); diff != "" {
			t.Errorf("a restart changed the charges:\n%s", diff)
		}
	})
}

func TestARefundTravelsThroughTheWholeServiceAndAResetRenewsIt(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		s := start(t, Options{Database: database, Demo: true})
		refundAll := func() {
			t.Helper()
			r := httptest.NewRequest("POST", "/v1/charges/ch_L8qn10mLmr1GS8e5OODmHaL4/refunds", strings.NewReader("description=Refund Description"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth("sk_test_ibbTe5jLGCi5rzfH4OqPW9KC", "")
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			var answer struct {
				Amount int64  `json:"amount"`
				Status string `json:"status"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 200 || answer.Amount != 100 || answer.Status != "succeeded" {
				t.Fatalf("%d %s %v", w.Code, w.Body, err)
			}
		}
		refundAll()
		if status, body := call(t, s, "POST", "/refundry/v1/sandbox/reset", ""); status/100 != 2 {
			t.Fatalf("reset answers %d %s", status, body)
		}
		refundAll()
	})
}

func TestNothingThatWasAcceptedIsLostByAStop(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		opts := Options{Database: database, Data: t.TempDir(), Demo: true}
		s := start(t, opts)
		var accepted []string
		for n := range 40 {
			status, body := call(t, s, "POST", "/refundry/v1/refunds", fmt.Sprintf(`{"charge": "M948164T2023072607034709567189", "amount": %d}`, 100+n%50))
			var answer struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal(body, &answer); err != nil || status != 201 {
				t.Fatalf("%d %s %v", status, body, err)
			}
			accepted = append(accepted, answer.ID)
		}
		stop(t, s)
		s = start(t, opts)
		for _, id := range accepted {
			r, err := s.Store.Refund(t.Context(), merchant.DemoID, id)
			for deadline := time.Now().Add(patience); err == nil && !r.State.Final() && time.Now().Before(deadline); {
				<-time.After(5 * time.Millisecond)
				r, err = s.Store.Refund(t.Context(), merchant.DemoID, id)
			}
			if err != nil || r.State != refund.Succeeded {
				t.Errorf("refund %s is %s, %v", id, r.State, err)
			}
		}
	})
}

func TestMachinesCanAskHowTheServiceIs(t *testing.T) {
	s := start(t, Options{Database: storetest.SQLite(t)})
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n"} {
		if status, body := call(t, s, "GET", path, ""); status != 200 || string(body) != want {
			t.Errorf("%s answers %d %q", path, status, body)
		}
	}
	if status, body := call(t, s, "GET", "/metrics", ""); status != 200 || !bytes.Contains(body, []byte("refundry_engine_queued 0")) {
		t.Errorf("/metrics answers %d %s", status, body)
	}
	stop(t, s)
	if status, body := call(t, s, "GET", "/readyz", ""); status != 503 {
		t.Errorf("when closed /readyz answers %d %q", status, body)
	}
}
