//! Circles in a graph: its strongly connected parts, without recursion, so that
//! a chain of a hundred thousand services does not use up the stack.

/// The parts of more than one node, and nodes that point at themselves; each
/// sorted, in the order of their first nodes.
pub(super) fn circles(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut search = Search {
        edges,
        order: vec![0; edges.len()],
        low: vec![0; edges.len()],
        on_stack: vec![false; edges.len()],
        stack: Vec::new(),
        count: 0,
        found: Vec::new(),
    };
    for node in 0..edges.len() {
        if search.order[node] == 0 {
            search.from(node);
        }
    }
    search.found.sort_unstable();
    search.found
}

/// Tarjan's search. `order` is 0 for what was not seen.
struct Search<'e> {
    edges: &'e [Vec<usize>],
    order: Vec<usize>,
    low: Vec<usize>,
    on_stack: Vec<bool>,
    stack: Vec<usize>,
    count: usize,
    found: Vec<Vec<usize>>,
}

impl Search<'_> {
    fn from(&mut self, root: usize) {
        // A node, and the edge that is looked at next.
        let mut path = vec![(root, 0)];
        self.enter(root);
        while let Some((node, edge)) = path.last_mut() {
            let node = *node;
            let Some(next) = self.edges[node].get(*edge).copied() else {
                path.pop();
                if let Some((parent, _)) = path.last() {
                    self.low[*parent] = self.low[*parent].min(self.low[node]);
                }
                self.leave(node);
                continue;
            };
            *edge += 1;
            if self.order[next] == 0 {
                self.enter(next);
                path.push((next, 0));
            } else if self.on_stack[next] {
                self.low[node] = self.low[node].min(self.order[next]);
            }
        }
    }

    fn enter(&mut self, node: usize) {
        self.count += 1;
        self.order[node] = self.count;
        self.low[node] = self.count;
        self.on_stack[node] = true;
        self.stack.push(node);
    }

    /// Takes the part `node` is the root of off the stack.
    fn leave(&mut self, node: usize) {
        if self.low[node] != self.order[node] {
            return;
        }
        let mut part = Vec::new();
        while let Some(one) = self.stack.pop() {
            self.on_stack[one] = false;
            part.push(one);
            if one == node {
                break;
            }
        }
        if part.len() > 1 || self.edges[node].contains(&node) {
            part.sort_unstable();
            self.found.push(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_circle_is_found_once() {
        let edges = [
            vec![1],
            vec![2],
            vec![0],
            vec![2],
            vec![4],
            vec![6],
            vec![5, 0],
            vec![],
        ];
        assert_eq!(circles(&edges), [vec![0, 1, 2], vec![4], vec![5, 6]]);
    }

    #[test]
    fn a_long_chain_is_no_circle_and_uses_no_stack() {
        let count = 200_000;
        let chain: Vec<Vec<usize>> = (0..count)
            .map(|n| if n + 1 < count { vec![n + 1] } else { vec![] })
            .collect();
        assert!(circles(&chain).is_empty());
    }
}
