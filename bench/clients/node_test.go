package clients

import (
	"os"
	"os/exec"
	"testing"
)

func TestNode(t *testing.T) {
	t.Parallel()
	node := nodeOrSkip(t)
	runScript(t, echoServer.get(t).url("/"), node, "node/exchanges.mjs", "")
}

// nodeOrSkip returns the path of Node, with ws installed beside the scripts.
func nodeOrSkip(t *testing.T) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "Node.js is not installed")
	}
	if _, err := os.Stat("node/node_modules/ws"); err != nil {
		missing(t, "Node's ws is not installed")
	}
	return node
}
