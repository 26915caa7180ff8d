package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/refundry/refundry/service"
)

// manCommand prints the manual page, which is made of what --help shows.
type manCommand struct{}

// Help is shown by --help.
func (c *manCommand) Help() string {
	return `refundry man | man -l -                     reads it
refundry man > /usr/local/share/man/man1/refundry.1    installs it`
}

func (c *manCommand) Run(e *environment) error {
	app, err := e.model()
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(e.out, manual(app))
	return err
}

// manual is a page in the man macros of roff.
func manual(app *kong.Application) string {
	var out strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&out, format+"\n", args...) }
	line(`.TH REFUNDRY 1 "" "refundry %s"`, roff(service.Build().Version))
	line(".SH NAME\nrefundry \\- %s", roff(app.Help))
	line(".SH SYNOPSIS\n.B refundry\n.I command\n[options]")
	line(".SH OPTIONS OF ALL COMMANDS")
	for _, flag := range app.Flags {
		manFlag(line, flag)
	}
	line(".SH COMMANDS")
	for _, n := range nodes(app.Node) {
		if n.Parent == nil || !n.Leaf() {
			continue
		}
		line(".SS %s", roff("refundry "+n.Summary()))
		line("%s", roff(n.Help))
		if n.Detail != "" {
			line(".PP\n.nf\n%s\n.fi", roff(n.Detail))
		}
		for _, argument := range n.Positional {
			line(".TP\n.I %s\n%s", roff(argument.Name), roff(argument.Help))
		}
		for _, group := range n.AllFlags(true) {
			for _, flag := range group {
				if !shared(app, flag) {
					manFlag(line, flag)
				}
			}
		}
	}
	line(".SH EXIT STATUS\n0: fine. 1: failed. 2: wrong usage.")
	line(".SH FILES\n.TP\n.I refundry.db\nthe database, unless \\-\\-database names another\n.TP\n.I refundry\\-data/master.key\nthe master key, unless \\-\\-data or \\-\\-master\\-key\\-file names another")
	return out.String()
}

func shared(app *kong.Application, flag *kong.Flag) bool {
	for _, one := range app.Flags {
		if one.Name == flag.Name {
			return true
		}
	}
	return false
}

func manFlag(line func(string, ...any), flag *kong.Flag) {
	name := "--" + flag.Name
	if !flag.IsBool() {
		name += "=" + flag.FormatPlaceHolder()
	}
	help := flag.Help
	if len(flag.Envs) > 0 {
		help += " (" + strings.Join(flag.Envs, ", ") + ")"
	}
	line(".TP\n.B %s\n%s", roff(name), roff(help))
}

// roff writes a text so that no character of it is a command of roff.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for n, one := range lines {
		if strings.HasPrefix(one, ".") || strings.HasPrefix(one, "'") {
			lines[n] = `\&` + one
		}
	}
	return strings.Join(lines, "\n")
}
