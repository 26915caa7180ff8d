// Command oidcprovider is a provider of OpenID Connect for tests: zitadel's own
// example server, with its example users, on a free port. It prints its issuer,
// then reads from stdin, line by line, redirect addresses of the client "web",
// whose secret is "secret", and ends with its input.
package main

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	issuer := fmt.Sprintf("http://localhost:%d/", listener.Addr().(*net.TCPAddr).Port)
	kept := storage.NewStorage(storage.NewUserStore(issuer))
	router := exampleop.SetupServer(issuer, kept, slog.New(slog.NewTextHandler(io.Discard, nil)), false)
	go func() { _ = http.Serve(listener, router) }()
	fmt.Println(issuer)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		storage.RegisterClients(storage.WebClient("web", "secret", lines.Text()))
		fmt.Println("registered")
	}
}
