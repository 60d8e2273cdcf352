//! Builds a graph step by step; knows names and nothing of models.

use std::collections::HashSet;

use super::messages::{Attribute, ElementType, Graph, ML_DOMAIN, Node, Port, Tensor, Values};

/// The name of a value in the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

/// A graph being built. Steps are kept in the order of the calls, which is one they can run in:
/// a step can only take what is there.
#[derive(Debug, Default)]
pub struct Builder {
    graph: Graph,
    taken: HashSet<String>,
}

impl Builder {
    /// A graph with these inputs and names for its outputs; names within it keep clear of both.
    pub fn new(name: &str, inputs: Vec<Port>, outputs: Vec<Port>) -> Self {
        let taken = inputs
            .iter()
            .chain(&outputs)
            .map(|p| p.name.clone())
            .collect();
        Self {
            graph: Graph {
                name: name.to_owned(),
                inputs,
                outputs,
                ..Graph::default()
            },
            taken,
        }
    }
    /// The finished graph.
    pub fn finish(self) -> Graph {
        self.graph
    }
    /// An input by its name.
    pub fn input(&self, name: &str) -> Name {
        Name(name.to_owned())
    }
    /// A constant.
    pub fn constant(&mut self, tensor: Tensor) -> Name {
        let name = self.free("constant");
        self.graph.constants.push((name.clone(), tensor));
        Name(name)
    }
    /// A constant list of whole numbers: shapes, axes and the like.
    pub fn ints(&mut self, values: &[i64]) -> Name {
        self.constant(Tensor::list(Values::I64(values.to_vec())))
    }
    /// A step of the standard operators.
    pub fn step(&mut self, operator: &'static str, inputs: &[&Name]) -> Name {
        self.step_with(operator, inputs, Vec::new())
    }
    /// A step of the standard operators with settings.
    pub fn step_with(
        &mut self,
        operator: &'static str,
        inputs: &[&Name],
        attributes: Vec<(&'static str, Attribute)>,
    ) -> Name {
        let output = self.free(operator);
        self.push(operator, "", inputs, output, attributes)
    }
    /// A step of the standard operators that gives two values.
    pub fn step_of_two(
        &mut self,
        operator: &'static str,
        inputs: &[&Name],
        attributes: Vec<(&'static str, Attribute)>,
    ) -> (Name, Name) {
        let first = self.step_with(operator, inputs, attributes);
        let second = self.free(operator);
        if let Some(node) = self.graph.nodes.last_mut() {
            node.outputs.push(second.clone());
        }
        (first, Name(second))
    }
    /// A step of the operators of classic machine learning.
    pub fn ml_step(
        &mut self,
        operator: &'static str,
        input: &Name,
        attributes: Vec<(&'static str, Attribute)>,
    ) -> Name {
        let output = self.free(operator);
        self.push(operator, ML_DOMAIN, &[input], output, attributes)
    }
    /// Names the last step for people: what a runtime says when it fails.
    pub fn explain(&mut self, name: String) {
        if let Some(node) = self.graph.nodes.last_mut() {
            node.name = name;
        }
    }
    /// Makes a value an output of the graph.
    pub fn output(&mut self, name: &str, value: &Name) {
        self.push("Identity", "", &[value], name.to_owned(), Vec::new());
    }
    /// A conversion.
    pub fn cast(&mut self, value: &Name, to: ElementType) -> Name {
        self.step_with("Cast", &[value], vec![("to", Attribute::Int(to as i64))])
    }
    /// A list as a table of one column.
    pub fn column(&mut self, value: &Name) -> Name {
        let axes = self.ints(&[1]);
        self.step("Unsqueeze", &[value, &axes])
    }
    /// A table of one column as a list.
    pub fn only_column(&mut self, value: &Name) -> Name {
        let axes = self.ints(&[1]);
        self.step("Squeeze", &[value, &axes])
    }
    /// Tables side by side.
    pub fn beside(&mut self, values: &[Name]) -> Name {
        if let [only] = values {
            return only.clone();
        }
        let inputs: Vec<&Name> = values.iter().collect();
        self.step_with("Concat", &inputs, vec![("axis", Attribute::Int(1))])
    }
    /// One place along the second axis, which disappears.
    pub fn at(&mut self, value: &Name, place: usize) -> Name {
        let index = self.constant(Tensor::scalar(Values::I64(vec![place as i64])));
        self.step_with(
            "Gather",
            &[value, &index],
            vec![("axis", Attribute::Int(1))],
        )
    }
    /// Columns in another order, or some of them.
    pub fn columns(&mut self, value: &Name, places: &[usize]) -> Name {
        let places: Vec<i64> = places.iter().map(|&p| p as i64).collect();
        let index = self.ints(&places);
        self.step_with(
            "Gather",
            &[value, &index],
            vec![("axis", Attribute::Int(1))],
        )
    }
    /// The row sums of a table, as a column.
    pub fn row_sums(&mut self, value: &Name) -> Name {
        let axes = self.ints(&[1]);
        self.step("ReduceSum", &[value, &axes])
    }
    /// The sum along the second of three axes, one after the other: a sum whose rounding does not
    /// depend on how a runtime divides its work, which `ReduceSum` does not promise.
    pub fn sum_in_order(&mut self, value: &Name, places: usize) -> Name {
        let axis = self.constant(Tensor::scalar(Values::I64(vec![1])));
        let sums = self.step("CumSum", &[value, &axis]);
        self.at(&sums, places - 1)
    }

    fn push(
        &mut self,
        operator: &'static str,
        domain: &'static str,
        inputs: &[&Name],
        output: String,
        attributes: Vec<(&'static str, Attribute)>,
    ) -> Name {
        self.graph.nodes.push(Node {
            operator,
            domain,
            inputs: inputs.iter().map(|n| n.0.clone()).collect(),
            name: output.clone(),
            outputs: vec![output.clone()],
            attributes,
        });
        Name(output)
    }
    fn free(&mut self, wish: &str) -> String {
        let number = self.graph.nodes.len() + self.graph.constants.len();
        let mut name = format!("{wish}_{number}");
        while !self.taken.insert(name.clone()) {
            name.push('_');
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_within_keep_clear_of_inputs_and_outputs() {
        let port = |name: &str| Port {
            name: name.to_owned(),
            element: ElementType::F64,
        };
        let mut g = Builder::new("g", vec![port("Neg_0")], vec![port("y")]);
        let x = g.input("Neg_0");
        let negative = g.step("Neg", &[&x]);
        assert_eq!(negative.0, "Neg_0_");
        g.output("y", &negative);
        let graph = g.finish();
        assert_eq!(graph.nodes[1].outputs, ["y"]);
        assert_eq!(graph.nodes[1].inputs, ["Neg_0_"]);
    }
}
