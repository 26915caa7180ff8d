package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// completionCommand prints what a shell needs to complete the command line.
type completionCommand struct {
	Shell string `arg:"" help:"bash, zsh or fish." enum:"bash,zsh,fish"`
}

// Help is shown by --help.
func (c *completionCommand) Help() string {
	return `bash:  refundry completion bash > /etc/bash_completion.d/refundry
zsh:   source <(refundry completion zsh), in ~/.zshrc behind compinit
fish:  refundry completion fish > ~/.config/fish/completions/refundry.fish`
}

func (c *completionCommand) Run(e *environment) error {
	app, err := e.model()
	if err != nil {
		return err
	}
	var text string
	switch c.Shell {
	case "fish":
		text = fishCompletion(app)
	case "zsh":
		text = "autoload -U +X bashcompinit && bashcompinit\n" + bashCompletion(app)
	default:
		text = bashCompletion(app)
	}
	_, err = fmt.Fprint(e.out, text)
	return err
}

// model is the command line as it is declared.
func (e *environment) model() (*kong.Application, error) {
	parser, err := newParser(&program{}, e.out, e.err)
	if err != nil {
		return nil, err
	}
	return parser.Model, nil
}

// nodes are the program and its commands, each before those below it.
func nodes(n *kong.Node) []*kong.Node {
	all := []*kong.Node{n}
	for _, child := range n.Children {
		if !child.Hidden {
			all = append(all, nodes(child)...)
		}
	}
	return all
}

// pathOf is a command's words behind the program's name.
func pathOf(n *kong.Node) string {
	if n.Parent == nil {
		return ""
	}
	return strings.TrimSpace(pathOf(n.Parent) + " " + n.Name)
}

// flagsOf are a command's flags and those of all commands.
func flagsOf(n *kong.Node) []*kong.Flag {
	var all []*kong.Flag
	for _, group := range n.AllFlags(true) {
		all = append(all, group...)
	}
	return all
}

// choices are the words that a value may be, without the empty one.
func choices(v *kong.Value) []string {
	return slices.DeleteFunc(v.EnumSlice(), func(word string) bool { return word == "" })
}

// bashCompletion finds the command by its words and offers what may follow:
// commands and flags, or the words that a flag takes, else files.
func bashCompletion(app *kong.Application) string {
	var words, values strings.Builder
	for _, n := range nodes(app.Node) {
		offered := make([]string, 0, len(n.Children)+len(n.Flags))
		for _, child := range n.Children {
			offered = append(offered, child.Name)
		}
		for _, argument := range n.Positional {
			offered = append(offered, choices(argument)...)
		}
		for _, flag := range flagsOf(n) {
			offered = append(offered, "--"+flag.Name)
			if enum := choices(flag.Value); len(enum) > 0 {
				_, _ = fmt.Fprintf(&values, "\t%q) words=%q ;;\n", pathOf(n)+" --"+flag.Name, strings.Join(enum, " "))
			}
		}
		_, _ = fmt.Fprintf(&words, "\t%q) words=%q ;;\n", pathOf(n), strings.Join(offered, " "))
	}
	return `_refundry() {
	local path= word words= at
	for ((at = 1; at < COMP_CWORD; at++)); do
		word=${COMP_WORDS[at]}
		case "$word" in -*) continue ;; esac
		case " ` + strings.Join(paths(app), " | ") + ` " in
		*" ${path:+$path }$word "*) path="${path:+$path }$word" ;;
		esac
	done
	case "$path ${COMP_WORDS[COMP_CWORD-1]}" in
` + values.String() + `	*) case "$path" in
` + indented(words.String()) + `		esac ;;
	esac
	COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _refundry refundry
`
}

func paths(app *kong.Application) []string {
	var all []string
	for _, n := range nodes(app.Node) {
		if path := pathOf(n); path != "" {
			all = append(all, path)
		}
	}
	return all
}

func indented(text string) string {
	return "\t" + strings.TrimSuffix(strings.ReplaceAll(text, "\n", "\n\t"), "\t")
}

func fishCompletion(app *kong.Application) string {
	var out strings.Builder
	out.WriteString(`function __refundry_words
	set -l words (commandline -opc)
	string match -v -- '-*' $words[2..] | string join ' '
end
function __refundry_is
	test "$(__refundry_words)" = "$argv"
end
function __refundry_in
	__refundry_is $argv; or string match -q -- "$argv *" "$(__refundry_words)"
end
`)
	quoted := func(text string) string { return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'" }
	for _, n := range nodes(app.Node) {
		at := quoted(strings.TrimSpace("__refundry_is " + pathOf(n)))
		if n.Leaf() {
			at = quoted("__refundry_in " + pathOf(n)) // behind it stand arguments
		}
		for _, child := range n.Children {
			_, _ = fmt.Fprintf(&out, "complete -c refundry -f -n %s -a %s -d %s\n", at, child.Name, quoted(child.Help))
		}
		for _, argument := range n.Positional {
			if enum := choices(argument); len(enum) > 0 {
				_, _ = fmt.Fprintf(&out, "complete -c refundry -f -n %s -a %s\n", at, quoted(strings.Join(enum, " ")))
			}
		}
		for _, flag := range flagsOf(n) {
			_, _ = fmt.Fprintf(&out, "complete -c refundry -n %s -l %s -d %s", at, flag.Name, quoted(flag.Help))
			switch enum := choices(flag.Value); {
			case len(enum) > 0:
				_, _ = fmt.Fprintf(&out, " -xa %s", quoted(strings.Join(enum, " ")))
			case !flag.IsBool():
				out.WriteString(" -r")
			}
			out.WriteByte('\n')
		}
	}
	return out.String()
}
