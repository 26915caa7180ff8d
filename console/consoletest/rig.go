// Package consoletest starts a service with the demo merchant and walks its
// console as a browser without scripts would: over HTTP, by what people see.
package consoletest

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/service/servicetest"
	"github.com/refundry/refundry/store"
)

// Rig is a running service.
type Rig struct {
	URL     string
	Service *service.Service
	Store   *store.Store
	Admin   *admin.Admin
	// By is an operator, for what a test prepares.
	By admin.By
}

// stopWithin bounds the end of a service.
const stopWithin = 30 * time.Second

// Start starts a service on a new SQLite file with the demo merchant; it ends with
// the test.
func Start(t testing.TB) *Rig {
	t.Helper()
	dir := t.TempDir()
	servicetest.Prepare(t, dir)
	return start(t, service.Options{Database: servicetest.Database(dir), Data: servicetest.Data(dir)})
}

// StartOn is Start on a database of the caller's, with options that change alters.
func StartOn(t testing.TB, database string, change ...func(*service.Options)) *Rig {
	t.Helper()
	options := service.Options{Database: database, Data: t.TempDir()}
	for _, one := range change {
		one(&options)
	}
	return start(t, options)
}

func start(t testing.TB, options service.Options) *Rig {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	options.Demo, options.Log = true, log
	s, err := service.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		server.Close()
		ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	desk, err := service.NewAdmin(t.Context(), s.Store, log)
	if err != nil {
		t.Fatal(err)
	}
	return &Rig{URL: server.URL, Service: s, Store: s.Store, Admin: desk, By: admin.By{Actor: audit.ByCommand("test")}}
}

// Password is that of every user that AddUser makes.
const Password = "correct horse battery"

// AddUser makes a user with one role, of one merchant or with "" of all.
func (r *Rig) AddUser(t testing.TB, email string, role merchant.Role, merchantID string) merchant.User {
	t.Helper()
	u, _, err := r.Admin.AddUser(t.Context(), r.By, admin.NewUser{
		Email: email, Password: Password, Grants: []merchant.Grant{{Role: role, MerchantID: merchantID}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// AddMerchant makes another test merchant.
func (r *Rig) AddMerchant(t testing.TB, name string) merchant.Merchant {
	t.Helper()
	fresh, err := admin.MakeMerchant(service.Dialects(), admin.NewMerchant{Name: name, Mode: merchant.Test, With: []string{merchant.PingPP}}, time.Now().UTC().Truncate(time.Microsecond))
	if err == nil {
		err = r.Admin.AddMerchant(t.Context(), r.By, fresh)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fresh.Merchant
}

// As is a browser in which a new user with a role is signed in, in English.
func (r *Rig) As(t testing.TB, role merchant.Role, merchantID string) *Browser {
	t.Helper()
	email := strings.ToLower(string(role) + "-" + merchant.RandomLetters(8) + "@example.com")
	b := r.Browser(t)
	b.User = r.AddUser(t, email, role, merchantID)
	page := b.SignIn(t, email, Password)
	if page.Status != http.StatusOK || page.Path() != "/console/" {
		t.Fatalf("sign-in as %s leads to %d %s:\n%s", role, page.Status, page.Path(), page.Text())
	}
	return b
}

// Browser has cookies.
type Browser struct {
	// User is who is signed in, where As signed them in.
	User   merchant.User
	Client *http.Client
	URL    string
	// Language is what it asks for.
	Language string
}

// Browser is one in which nobody is signed in.
func (r *Rig) Browser(t testing.TB) *Browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	return &Browser{Client: client, URL: r.URL, Language: "en"}
}

// SignIn fills in the form of sign-in.
func (b *Browser) SignIn(t testing.TB, email, password string) *Page {
	t.Helper()
	return b.Post(t, "/console/login", url.Values{"email": {email}, "password": {password}})
}

// Get loads a page, following redirects.
func (b *Browser) Get(t testing.TB, path string) *Page {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b.Do(t, r)
}

// Post sends a form as a page of the console would, following the redirect.
func (b *Browser) Post(t testing.TB, path string, values url.Values) *Page {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, b.URL+path, strings.NewReader(values.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.Do(t, r)
}

// Do sends a request with the browser's cookies and language.
func (b *Browser) Do(t testing.TB, r *http.Request) *Page {
	t.Helper()
	r.Header.Set("Accept-Language", b.Language)
	response, err := b.Client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return newPage(t, response, text)
}
